"""Single accounts, written to one by one: exact streams for tests and for the demo network.

    world = World(seed=7)
    alice, bob = world.account("alice.test"), world.account("bob.test")
    post = alice.create_record("app.bsky.feed.post", {"text": "hello"})
    like = bob.create_record("app.bsky.feed.like", {"subject": post.reference})
    frames = world.frames          # all frames of all accounts, in the order of their sequence numbers

Owns the order of their events. The traffic of thousands of accounts
is the business of `network`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from .clock import EventClock, datetime_text, tid_at
from .dagcbor import cid_of, cid_text, record_block
from .events import account_frame, identity_frame, sync_frame
from .identity import DEFAULT_PDS, Identity
from .repo import Repo, Write


@dataclass(frozen=True, slots=True)
class Written:
    """What a write gave: the frame that tells of it, and the record's name."""

    frame: bytes
    seq: int
    uri: str
    cid: str
    rev: str

    @property
    def reference(self) -> dict[str, str]:
        """A strong reference to the record, as subjects and embeds take it."""
        return {"uri": self.uri, "cid": self.cid}


class Account(Identity):
    """One account of a World. Its methods give frames and append them to the world's stream."""

    def __init__(
        self, world: World, number: int, handle: str, p256: bool = False, legacy: bool = False
    ) -> None:
        super().__init__(f"{world.seed}/{number}".encode(), handle, world.pds_url, p256, legacy)
        self.world = world
        self.active = True
        self.status: str | None = None
        self.repo = Repo(self.did, self.signing_key, clock_id=number & 1023)

    def uri(self, collection: str, rkey: str) -> str:
        """The at:// URI of one of its records."""
        return f"at://{self.did}/{collection}/{rkey}"

    def create_record(self, collection: str, record: dict[str, Any], rkey: str | None = None) -> Written:
        """Create a record; `$type` and `createdAt` are filled in if missing, the key is a TID by default."""
        return self._put("create", collection, record, rkey)

    def update_record(self, collection: str, record: dict[str, Any], rkey: str) -> Written:
        """Replace a record."""
        return self._put("update", collection, record, rkey)

    def delete_record(self, collection: str, rkey: str) -> Written:
        """Delete a record; the result's `cid` is empty."""
        path = f"{collection}/{rkey}"
        seq, instant = self.world.clock.tick()
        frame = self.world.add(self.repo.apply([Write("delete", path)], seq, instant))
        return Written(frame, seq, f"at://{self.did}/{path}", "", self.rev)

    def apply(self, writes: Sequence[Write]) -> bytes:
        """Commit several writes at once, as they are."""
        seq, instant = self.world.clock.tick()
        return self.world.add(self.repo.apply(writes, seq, instant))

    def _put(self, action: Any, collection: str, record: dict[str, Any], rkey: str | None) -> Written:
        seq, instant = self.world.clock.tick()
        key = tid_at(instant, self.repo.clock_id) if rkey is None else rkey
        block = record_block({"$type": collection, "createdAt": datetime_text(instant), **record})
        frame = self.repo.apply([Write(action, f"{collection}/{key}", block)], seq, instant)
        self.world.add(frame)
        return Written(frame, seq, self.uri(collection, key), cid_text(cid_of(block)), self.rev)

    @property
    def rev(self) -> str:
        """Its repository's revision, empty before the first commit."""
        return self.repo.rev or ""

    def identity_event(self, handle: str | None = None) -> bytes:
        """`#identity`; a handle given here becomes the account's new one."""
        self.handle = handle or self.handle
        seq, instant = self.world.clock.tick()
        return self.world.add(identity_frame(seq, self.did, instant, self.handle))

    def account_event(self, active: bool = True, status: str | None = None) -> bytes:
        """`#account` with this status from now on."""
        self.active, self.status = active, status
        seq, instant = self.world.clock.tick()
        return self.world.add(account_frame(seq, self.did, instant, active, status))

    def sync_event(self) -> bytes:
        """`#sync` of the repository's present state; needs at least one commit."""
        seq, instant = self.world.clock.tick()
        return self.world.add(sync_frame(seq, self.did, instant, self.rev, self.repo.commit_car()))


class World:
    """A handful of accounts whose events form one stream; same seed and calls, same bytes."""

    def __init__(
        self,
        seed: int = 0,
        clock: EventClock | None = None,
        pds_url: str = DEFAULT_PDS,
        on_frame: Callable[[bytes], None] | None = None,
    ) -> None:
        self.seed = seed
        self.clock = clock or EventClock(step_us=50_000)
        self.pds_url = pds_url
        self.accounts: list[Account] = []
        self.frames: list[bytes] = []
        self._on_frame = on_frame

    def account(self, handle: str | None = None, p256: bool = False, legacy: bool = False) -> Account:
        """A new account, with an empty repository and no event yet."""
        number = len(self.accounts)
        account = Account(self, number, handle or f"account{number}.test", p256, legacy)
        self.accounts.append(account)
        return account

    def add(self, frame: bytes) -> bytes:
        """Append a frame to the stream; gives it back."""
        self.frames.append(frame)
        if self._on_frame is not None:
            self._on_frame(frame)
        return frame

    def documents(self) -> dict[str, dict[str, Any]]:
        """The DID documents of all accounts."""
        return {account.did: account.document() for account in self.accounts}
