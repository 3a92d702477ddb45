"""A few accounts by name, whose events become frames, for cases told one by one."""

from __future__ import annotations

from typing import Any

from indexer.simulation.clock import datetime_text, tid_at
from indexer.simulation.dagcbor import cid_of, cid_text, encode
from indexer.simulation.events import account_frame
from indexer.simulation.keys import derived_key
from indexer.simulation.repo import Repo, Write
from tests.store.model import FOLLOW, LIKE, POST

_START = 1_760_000_000_000_000


def did_of(name: str) -> str:
    """The DID of an account of the cast."""
    return "did:plc:" + (name * 24)[:24]


class Cast:
    """`frames` is what happened, in order. Every method that writes a record returns {uri, cid}."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self._repos: dict[str, Repo] = {}
        self._now = _START

    def create(self, name: str, collection: str, rkey: str | None = None, /, **fields: Any) -> dict[str, str]:
        """One commit that creates one record."""
        self._now += 1_000_000
        return self._commit(name, "create", collection, rkey or tid_at(self._now), fields)

    def update(self, uri: str, **fields: Any) -> dict[str, str]:
        """One commit that replaces a record."""
        self._now += 1_000_000
        _, _, did, collection, rkey = uri.split("/")
        return self._commit(did, "update", collection, rkey, fields)

    def delete(self, uri: str) -> None:
        """One commit that deletes a record."""
        self._now += 1_000_000
        _, _, did, collection, rkey = uri.split("/")
        repo = self._repo(did)
        self.frames.append(
            repo.apply([Write("delete", f"{collection}/{rkey}")], len(self.frames) + 1, self._now)
        )

    def forget(self, name: str) -> None:
        """The account's host loses its repository: what was created can be created again, without a deletion."""
        del self._repos[did_of(name)]

    def account(self, name: str, active: bool, status: str | None = None, minutes_ago: int = 0) -> None:
        """An #account event, possibly a late one."""
        self._now += 1_000_000
        instant = self._now - minutes_ago * 60_000_000
        self.frames.append(account_frame(len(self.frames) + 1, did_of(name), instant, active, status))

    def post(self, name: str, text: str = "text", **fields: Any) -> dict[str, str]:
        """A post."""
        return self.create(name, POST, text=text, **fields)

    def reply(
        self, name: str, parent: dict[str, str], root: dict[str, str] | None = None, **fields: Any
    ) -> dict[str, str]:
        """A reply; `root` is the parent where it is not given."""
        return self.post(name, reply={"parent": parent, "root": root or parent}, **fields)

    def like(self, name: str, subject: dict[str, str], **fields: Any) -> dict[str, str]:
        """A like."""
        return self.create(name, LIKE, subject=subject, **fields)

    def follow(self, name: str, other: str) -> dict[str, str]:
        """A follow."""
        return self.create(name, FOLLOW, subject=did_of(other))

    def gate(self, name: str, post: dict[str, str], *rules: dict[str, Any], **fields: Any) -> dict[str, str]:
        """A thread gate that allows `rules` only."""
        collection = "app.bsky.feed.threadgate"
        return self.create(
            name, collection, post["uri"].split("/")[-1], post=post["uri"], allow=list(rules), **fields
        )

    def _repo(self, name: str) -> Repo:
        did = name if name.startswith("did:") else did_of(name)
        return self._repos.setdefault(did, Repo(did, derived_key(did.encode()), len(self._repos)))

    def _commit(
        self, name: str, action: Any, collection: str, rkey: str, fields: dict[str, Any]
    ) -> dict[str, str]:
        repo = self._repo(name)
        record = {"$type": collection, "createdAt": datetime_text(self._now), **fields}
        write = Write(action, f"{collection}/{rkey}", record)
        self.frames.append(repo.apply([write], len(self.frames) + 1, self._now))
        return {"uri": f"at://{repo.did}/{write.path}", "cid": cid_text(cid_of(encode(record)))}


def rule(name: str, **fields: Any) -> dict[str, Any]:
    """A rule of a thread gate."""
    return {"$type": f"app.bsky.feed.threadgate#{name}", **fields}
