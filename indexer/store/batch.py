"""What the writer takes from a decoded batch (indexer/_fastpath/batch.pyx), as types.

Owns no behaviour. `n` everywhere is wave << 24 | place: the place of the op in the batch, in stream order, and the
wave in which it
is applied (deletes run before creates within a wave).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

WAVE_SHIFT = 24
PLACE = (1 << WAVE_SHIFT) - 1

CREATE = "create"
UPDATE = "update"
DELETE = "delete"


class PostRelation(Protocol):
    """A post that replies, quotes or mentions; its other columns are read back from stage_post."""

    @property
    def n(self) -> int: ...
    @property
    def mentions(self) -> Sequence[int]: ...


class RecordOp(Protocol):
    """An op on a record that is neither an edge nor a post. cid and record are None for a delete; indexed_at in ms."""

    @property
    def n(self) -> int: ...
    @property
    def action(self) -> str: ...
    @property
    def kind(self) -> int: ...
    @property
    def actor(self) -> int: ...
    @property
    def key(self) -> int: ...
    @property
    def cid(self) -> bytes | None: ...
    @property
    def record(self) -> bytes | None: ...
    @property
    def indexed_at(self) -> int: ...
    @property
    def rkey(self) -> str: ...


class AccountEvent(Protocol):
    """An #account event: `status` is None where the account is active; time in ms."""

    @property
    def n(self) -> int: ...
    @property
    def actor(self) -> int: ...
    @property
    def status(self) -> str | None: ...
    @property
    def active(self) -> bool: ...
    @property
    def time(self) -> int: ...


class Identity(Protocol):
    """An #identity event of the account."""

    @property
    def actor(self) -> int: ...


class Drop(Protocol):
    """Something that was refused: a label, whose it was (0 if unknown), what in it, and its event's time in ms."""

    @property
    def reason(self) -> str: ...
    @property
    def actor(self) -> int: ...
    @property
    def detail(self) -> str: ...
    @property
    def time(self) -> int: ...


class StoredBatch(Protocol):
    """A finished batch: rows as binary COPY bodies per wave, the rest as small lists.

    copy_*: bodies without header and trailer, b"" where there is nothing. repo_states: (account id, state) of
    repositories
    whose state changes, for instance because their commits no longer connect. first_events: (account id, time in ms of
    its first event here) of accounts with identities or account events. last_time: of the last event, in ms.
    """

    @property
    def waves(self) -> int: ...
    @property
    def counts(self) -> Mapping[str, int]: ...
    @property
    def identities(self) -> Sequence[Identity]: ...
    @property
    def first_events(self) -> Sequence[tuple[int, int]]: ...
    @property
    def account_events(self) -> Sequence[AccountEvent]: ...
    @property
    def repo_states(self) -> Sequence[tuple[int, int]]: ...
    @property
    def drops(self) -> Sequence[Drop]: ...
    @property
    def last_time(self) -> int: ...

    def copy_edges(self, kind: int, wave: int) -> bytes: ...
    def copy_deletes(self, wave: int) -> bytes: ...
    def copy_posts(self, wave: int) -> bytes: ...
    def copy_repos(self) -> bytes: ...
    def post_relations(self, wave: int) -> Sequence[PostRelation]: ...
    def record_ops(self, wave: int) -> Sequence[RecordOp]: ...


class UnreadBatch(StoredBatch, Protocol):
    """A batch that still lies in its frames: posts can be read out with other bytes in place of their records."""

    def copy_posts(
        self, wave: int, stored_forms: Callable[[list[bytes]], list[bytes]] | None = None
    ) -> bytes: ...
