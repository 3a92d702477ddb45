"""What one committed batch changed, for the caches. Values are absolute, so that applying them twice does no harm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple


class Detail(IntEnum):
    """How much of what a transaction changed is read back, which costs as much as to write some of it."""

    NONE = 0
    ROWS = 1  # changes
    ALL = 2  # post_counts and actor_counts besides


NOTICES = 0
"""In the place of a kind among the transaction's changes: the account gained or lost rows of `notification`."""


class PostCount(NamedTuple):
    """The new counts of a post (or of another record that is liked)."""

    key: int
    actor: int
    likes: int
    reposts: int
    replies: int
    quotes: int


class ActorCount(NamedTuple):
    """The new counts of an account."""

    actor: int
    followers: int
    follows: int
    posts: int


class Change(NamedTuple):
    """A row that came (`added`) or went: of a post (kind 5), repost (2), follow (3) or block (4); see
    records/collections.py.

    sort_at is None for follows and blocks that went; subject_key is None for them always, both subjects are for posts.
    """

    kind: int
    added: bool
    key: int
    actor: int
    subject_key: int | None
    subject_actor: int | None
    sort_at: int | None


@dataclass(frozen=True, slots=True)
class Deltas:
    """One transaction's outcome.

    complete: False where the transaction turned out to be committed already (the connection was lost in its commit) and
    the changes are not known: caches have to be emptied. detail: what was asked for; the rest of post_counts,
    actor_counts and changes is empty. changes: in the order of the tables' statements. profiles, records: accounts
    whose profile, or other record (kind, key, actor), changed. accounts: whose status changed. purged: deleted
    accounts. notified: accounts that gained or lost rows of `notification`.
    """

    complete: bool = True
    detail: Detail = Detail.ALL
    post_counts: Sequence[PostCount] = ()
    actor_counts: Sequence[ActorCount] = ()
    changes: Sequence[Change] = ()
    profiles: Sequence[int] = ()
    records: Sequence[tuple[int, int, int]] = ()
    accounts: Sequence[int] = ()
    purged: Sequence[int] = ()
    notified: Sequence[int] = field(default=())
