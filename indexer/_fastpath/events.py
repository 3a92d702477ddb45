"""What a batch tells besides rows: events, drops, and the few operations that Python has to look at, as named tuples.

`n` is wave << 24 | place in the batch; times are milliseconds since 1970; revs and keys as in docs/ARCHITECTURE.md.
"""

from __future__ import annotations

from typing import NamedTuple


class Identity(NamedTuple):
    """An #identity event; `handle` is what the event says, which proves nothing."""

    did: str
    actor: int
    handle: str | None
    time: int
    seq: int


class AccountEvent(NamedTuple):
    """An #account event; `n` places it among the operations (deletions of its wave run with it)."""

    n: int
    actor: int
    status: str | None
    active: bool
    time: int
    did: str
    seq: int


class Sync(NamedTuple):
    """A #sync event whose commit block proves what it says; `data` is the digest of the tree's root."""

    did: str
    actor: int
    rev: int
    data: bytes
    time: int
    seq: int


class Notice(NamedTuple):
    """An #info frame (`name`) or an error frame (its `error`)."""

    name: str
    message: str
    is_error: bool


class Drop(NamedTuple):
    """What was refused: a label, whose it was (None if that is not known), what in it (path, text, reason), and the
    time of its event."""

    reason: str
    did: str | None
    actor: int
    detail: str
    time: int


class PostRelation(NamedTuple):
    """A post that replies, quotes or mentions. Keys and actors are None where there is no record with a DID."""

    n: int
    key: int
    actor: int
    parent_key: int | None
    parent_actor: int | None
    root_key: int | None
    root_actor: int | None
    quote_key: int | None
    quote_actor: int | None
    quote_cid: bytes | None
    mentions: tuple[int, ...]


class RecordOp(NamedTuple):
    """An operation on a record that stays bytes: `cid` is its digest, both it and `record` are None for a delete."""

    n: int
    action: str
    kind: int
    actor: int
    key: int
    cid: bytes | None
    record: bytes | None
    indexed_at: int
    did: str
    rkey: str
