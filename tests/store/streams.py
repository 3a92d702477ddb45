"""Random but reproducible streams: a few accounts that like, reply, quote, gate, edit, delete and leave, all over
each other.

Every account's events are in order; the accounts' queues are shuffled into one another, so that children arrive before
parents and likes before posts. Each event is both a real frame and a call for the model.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from indexer.simulation.clock import datetime_text, tid_at
from indexer.simulation.dagcbor import cid_of, cid_text, encode
from indexer.simulation.events import account_frame, identity_frame
from indexer.simulation.keys import SigningKey, derived_key
from indexer.simulation.repo import Repo, Write
from tests.store.model import (
    BLOCK,
    FOLLOW,
    LIKE,
    LIST_BLOCK,
    LIST_ITEM,
    POST,
    POSTGATE,
    PROFILE,
    REPOST,
    THREADGATE,
    VERIFICATION,
    Model,
    author_of,
)

LIST, STARTER_PACK, GENERATOR = "app.bsky.graph.list", "app.bsky.graph.starterpack", "app.bsky.feed.generator"
STATUSES = (None, None, "deactivated", "deleted", "takendown", "suspended")
_START = 1_750_000_000_000_000


@dataclass
class Event:
    """A frame, and what it does to the model."""

    frame: bytes
    apply: Callable[[Model], None]


@dataclass
class Account:
    """One account with its repository and its events so far."""

    did: str
    repo: Repo
    events: list[Event] = field(default_factory=list)
    own: dict[str, dict[str, Any]] = field(default_factory=dict)


class Stream:
    """Makes `events` events of `accounts` accounts; `weights` change how often a collection is written to.

    `ordered` has them as they happened, with rising sequence numbers.
    """

    def __init__(
        self,
        seed: int,
        *,
        accounts: int = 6,
        events: int = 120,
        weights: dict[str, int] | None = None,
        statuses: tuple[str | None, ...] = STATUSES,
    ) -> None:
        self.random = random.Random(seed)
        self._statuses = statuses
        key: SigningKey = derived_key(b"stream")
        self.accounts = [self._account(number, key) for number in range(accounts)]
        self.now = _START
        self.posts: list[tuple[str, str, str]] = []  # URI, CID, root URI
        self.reposts: list[tuple[str, str]] = []
        self.lists: list[str] = []
        self.packs: list[tuple[str, str]] = []
        self.gated: list[str] = []
        self.weights = {
            LIKE: 30, REPOST: 14, FOLLOW: 16, BLOCK: 6, POST: 44, PROFILE: 2, THREADGATE: 6, POSTGATE: 4, LIST: 2,
            LIST_ITEM: 8, LIST_BLOCK: 3, VERIFICATION: 4, STARTER_PACK: 1, GENERATOR: 1, **(weights or {}),
        }  # fmt: skip
        self.ordered: list[Event] = []
        for _ in range(events):
            account = self.random.choice(self.accounts)
            before = len(account.events)
            self._event(account)
            self.ordered += account.events[before:]

    @staticmethod
    def _account(number: int, key: SigningKey) -> Account:
        did = "did:plc:" + "abcdefghijklmnopqrstuvwxyz"[number] * 24
        return Account(did, Repo(did, key, number))

    def more(self, weights: dict[str, int], events: int) -> list[bytes]:
        """Frames of further events, writes to the collections of `weights` only."""
        self.weights = dict.fromkeys(self.weights, 0) | weights
        before = {account.did: len(account.events) for account in self.accounts}
        for _ in range(events):
            self._event(self.random.choice(self.accounts))
        return [event.frame for account in self.accounts for event in account.events[before[account.did] :]]

    def frame(
        self,
        account: Account,
        action: Literal["create", "update", "delete"],
        path: str,
        record: dict[str, Any] | None = None,
    ) -> bytes:
        """One write that a test chooses itself, a second later; the model is not told."""
        self.now += 1_000_000
        return account.repo.apply([Write(action, path, record)], self._seq(), self.now)

    def shuffled(self, reorder: float = 0.5) -> list[Event]:
        """All events in one order that keeps each account's; with probability `reorder` an account is drawn at random
        instead of the one whose turn it is."""
        queues = {account.did: account.events[::-1] for account in self.accounts}
        turns = [account.did for account in self.accounts for _ in account.events]
        self.random.shuffle(turns)
        merged: list[Event] = []
        for turn in turns:
            waiting = sorted(did for did, queue in queues.items() if queue)
            did = turn if queues[turn] and self.random.random() >= reorder else self.random.choice(waiting)
            merged.append(queues[did].pop())
        return merged

    # --- one event --------------------------------------------------------------------------------------------------

    def _event(self, account: Account) -> None:
        self.now += self.random.randrange(1, 3000) * 1000
        kind = self.random.random()
        if kind < 0.02:
            self._account_event(account)
        elif kind < 0.03:
            frame = identity_frame(self._seq(), account.did, self.now)
            account.events.append(Event(frame, lambda model: None))
        else:
            self._commit(account)

    def _seq(self) -> int:
        return (self.now - _START) // 1000

    def _account_event(self, account: Account) -> None:
        status = self.random.choice(self._statuses)
        time = self.now // 1000 - self.random.choice([0, 0, 0, 100_000])
        frame = account_frame(self._seq(), account.did, time * 1000, status is None, status)
        did = account.did
        account.events.append(Event(frame, lambda model: model.account(did, status is None, status, time)))

    def _commit(self, account: Account) -> None:
        writes: list[Write] = []
        touched: set[str] = set()
        for _ in range(self.random.choice([1, 1, 1, 1, 2, 3])):
            write = self._write(account, touched)
            if write is not None:
                writes.append(write)
                touched.add(write.path)
        if not writes:
            return
        frame = account.repo.apply(writes, self._seq(), self.now)
        for write in writes:
            if write.record is None:
                del account.own[write.path]
            else:
                assert isinstance(write.record, dict)
                account.own[write.path] = write.record
                self._remember(account, write.path, write.record)
        did, time = account.did, self.now // 1000
        account.events.append(Event(frame, lambda model: model.commit(did, writes, time)))

    def _remember(self, account: Account, path: str, record: dict[str, Any]) -> None:
        uri, cid = f"at://{account.did}/{path}", cid_text(cid_of(encode(record)))
        collection = path.split("/")[0]
        if collection == POST:
            root = record["reply"]["root"]["uri"] if "reply" in record else uri
            self.posts = [post for post in self.posts if post[0] != uri] + [(uri, cid, root)]
        elif collection == REPOST:
            self.reposts.append((uri, cid))
        elif collection == LIST:
            self.lists.append(uri)
        elif collection == STARTER_PACK:
            self.packs.append((uri, cid))

    def _write(self, account: Account, touched: set[str]) -> Write | None:
        random = self.random
        free = [path for path in account.own if path not in touched]
        if free and random.random() < 0.3:
            path = random.choice(free)
            if random.random() < 0.75:
                return Write("delete", path)
            changed = self._changed(account, path)
            return None if changed is None else Write("update", path, changed)
        collection = random.choices(list(self.weights), list(self.weights.values()))[0]
        rkey = tid_at(self.now + random.randrange(1000), len(touched))
        record: dict[str, Any] | None = None
        if collection in (PROFILE, GENERATOR):
            rkey = "self" if collection == PROFILE else f"feed-{random.randrange(3)}"
        if collection in (THREADGATE, POSTGATE):
            own = [path for path in account.own if path.startswith(POST)]
            if not own:
                return None
            rkey = random.choice(own).split("/")[1]
            record = self._gate(collection, f"at://{account.did}/{POST}/{rkey}")
        path = f"{collection}/{rkey}"
        if path in account.own or path in touched:
            return None
        record = record or self._record(account, collection)
        return None if record is None else Write("create", path, record)

    def _changed(self, account: Account, path: str) -> dict[str, Any] | None:
        collection = path.split("/")[0]
        if collection in (THREADGATE, POSTGATE):
            return self._gate(collection, str(account.own[path]["post"]))
        if self.random.random() < 0.4 and collection != POST:
            return {**account.own[path], "createdAt": self._created_at()}
        return self._record(account, collection)

    # --- records ----------------------------------------------------------------------------------------------------

    def _created_at(self) -> str:
        return datetime_text(self.now + self.random.choice([0, -5_000_000, 60_000_000, -86_400_000_000]))

    def _somebody(self) -> str:
        return self.random.choice(self.accounts).did

    def _some_post(self) -> tuple[str, str, str] | None:
        recent = self.posts[-12:]
        return self.random.choice(recent) if recent else None

    def _record(self, account: Account, collection: str) -> dict[str, Any] | None:
        record: dict[str, Any] = {"$type": collection, "createdAt": self._created_at()}
        random = self.random
        if collection in (LIKE, REPOST):
            post = self._some_post()
            if post is None:
                return None
            record["subject"] = {
                "uri": post[0],
                "cid": post[1] if random.random() < 0.9 else self._other_cid(),
            }
            if self.reposts and random.random() < 0.3:
                record["via"] = dict(zip(("uri", "cid"), random.choice(self.reposts), strict=True))
        elif collection in (FOLLOW, BLOCK):
            record["subject"] = self._somebody()
        elif collection == POST:
            self._fill_post(record)
        elif collection == PROFILE:
            if self.packs and random.random() < 0.5:
                record["joinedViaStarterPack"] = dict(
                    zip(("uri", "cid"), random.choice(self.packs), strict=True)
                )
        elif collection in (LIST, STARTER_PACK):
            record.update(
                name="name",
                purpose="app.bsky.graph.defs#modlist",
                list=f"at://{account.did}/{LIST}/3kaaaaaaaaaaa",
            )
        elif collection == GENERATOR:
            record.update(did="did:web:feeds.example", displayName="feed")
        elif collection == LIST_ITEM:
            lists = [uri for uri in self.lists if author_of(uri) == account.did]
            if not lists:
                return None
            record.update(list=random.choice(lists), subject=self._somebody())
        elif collection == LIST_BLOCK:
            if not self.lists:
                return None
            record["subject"] = random.choice(self.lists)
        elif collection == VERIFICATION:
            record.update(subject=self._somebody(), handle="a.example", displayName="A")
        return record

    def _other_cid(self) -> str:
        return cid_text(cid_of(encode({"other": self.random.randrange(3)})))

    def _fill_post(self, record: dict[str, Any]) -> None:
        random = self.random
        record["text"] = "text" + " word" * random.randrange(5)
        parent = self._some_post()
        if parent is not None and random.random() < 0.7:
            uri, cid, root = parent
            if self.gated and random.random() < 0.3:
                root = random.choice(self.gated)
                uri, cid = (root, cid) if random.random() < 0.7 else (uri, cid)
            elif random.random() < 0.1:
                root = uri
            record["reply"] = {"parent": {"uri": uri, "cid": cid}, "root": {"uri": root, "cid": cid}}
        quoted = self._some_post()
        if quoted is not None and random.random() < 0.25:
            record["embed"] = {
                "$type": "app.bsky.embed.record",
                "record": {"uri": quoted[0], "cid": quoted[1]},
            }
        if random.random() < 0.3:
            feature = {"$type": "app.bsky.richtext.facet#mention", "did": self._somebody()}
            record["facets"] = [{"index": {"byteStart": 0, "byteEnd": 1}, "features": [feature]}]

    def _gate(self, collection: str, post: str) -> dict[str, Any]:
        random = self.random
        record: dict[str, Any] = {"$type": collection, "post": post, "createdAt": self._created_at()}
        if collection == POSTGATE:
            if random.random() < 0.8:
                record["embeddingRules"] = [{"$type": "app.bsky.feed.postgate#disableRule"}]
            return record
        self.gated.append(post)
        if random.random() < 0.85:
            rules = random.sample(
                ["mentionRule", "followerRule", "followingRule", "listRule"], random.randrange(3)
            )
            record["allow"] = [
                {
                    "$type": f"{THREADGATE}#{rule}",
                    **({"list": random.choice(self.lists)} if rule == "listRule" else {}),
                }
                for rule in rules
                if rule != "listRule" or self.lists
            ]
        if self.posts and random.random() < 0.5:
            record["hiddenReplies"] = [random.choice(self.posts)[0]]
        return record
