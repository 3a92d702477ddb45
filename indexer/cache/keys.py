"""Every Redis key and every member's byte form. Nothing else in the program spells a key."""

from __future__ import annotations

import struct
from enum import StrEnum

PREFIX = "indexer:"
EPOCH = PREFIX + "epoch"
"""Text: the epoch of the running writer. Expires after EPOCH_SECONDS unless renewed."""

EPOCH_SECONDS = 3

RENEWED_SECONDS = 0.5
"""The writer must have renewed its epoch within this time, so that its cache is believed: that it lost Redis, and could
not tell of a commit, is noticed sooner than a viewer's own doing is taken from what is kept.
"""

EPOCH_LEFT_MILLISECONDS = int(1000 * (EPOCH_SECONDS - RENEWED_SECONDS))
"""What an epoch that was renewed within RENEWED_SECONDS has left of its time."""

CHANGES = PREFIX + "changes"
"""Channel: what each commit changed, see changes.py."""

COUNTS_WANTED_SECONDS = 600

COUNTS_SECONDS = 7200
"""How long a bucket of counts stays, counted from the first that was put into it."""

TIMELINE_SECONDS = 7200
"""How long a timeline stays after its last read."""

FLOOR_MEMBER = b"floor"
"""A member of every complete timeline; its score is the oldest sort_at down to which the timeline is complete."""

REPOST_BIT = 1 << 62
"""Toggled in an item's key when the item is a repost. A TID reaches this bit in the year 2112 (specification "tid")."""

_MEMBER = struct.Struct(">qq")

MEMBER_BYTES = _MEMBER.size

_ACTOR_MEMBER = struct.Struct(">q")

_DAY_MICROSECONDS = 86_400_000_000

_ACTOR_BUCKETS = 64


class Count(StrEnum):
    """What is counted; the value stands in the key."""

    LIKES = "likes"
    REPOSTS = "reposts"
    REPLIES = "replies"
    QUOTES = "quotes"
    FOLLOWERS = "followers"
    FOLLOWS = "follows"
    POSTS = "posts"


def timeline(epoch: str, viewer: int) -> str:
    """Sorted set: the newest items of a home timeline (item members, score = sort_at in ms) and FLOOR_MEMBER."""
    return of_epoch(epoch, f"timeline:{viewer}")


def sent(epoch: str) -> str:
    """The number of the last commit that all timelines have, see changes.py; absent while none is to be believed."""
    return of_epoch(epoch, "sent")


def timeline_reads(epoch: str) -> str:
    """Set of viewer ids that have read their timeline since the writer last emptied it."""
    return of_epoch(epoch, "timeline-reads")


def counts_wanted(epoch: str) -> str:
    """Set by readers that would use cached counts, for COUNTS_WANTED_SECONDS."""
    return of_epoch(epoch, "counts-wanted")


def counts_kept(epoch: str) -> str:
    """The generation of counts whose every change the writer sends. Without it, or where
    it is empty, counts are neither read nor filled.
    """
    return of_epoch(epoch, "counts-kept")


def counts(epoch: str, generation: int | str, count: Count, bucket: int | str) -> str:
    """Sorted set: members of posts or accounts with a count as score. A negative score is a claim, see counts.py."""
    return of_epoch(epoch, f"counts:{generation}:{count}:{bucket}")


def post_bucket(key: int) -> int | str:
    """The bucket of a post's counts: the day of its record key (rare keys share one)."""
    return (key >> 10) // _DAY_MICROSECONDS if key > 0 else "rare"


def actor_bucket(actor: int) -> int | str:
    """The bucket of an account's counts."""
    return actor % _ACTOR_BUCKETS


def post_member(key: int, actor: int) -> bytes:
    """The 16-byte member of a counted post."""
    return _MEMBER.pack(key, actor)


def actor_member(actor: int) -> bytes:
    """The 8-byte member of a counted account."""
    return _ACTOR_MEMBER.pack(actor)


def of_epoch(epoch: str, name: str) -> str:
    """The full key of what `name` names within an epoch."""
    return f"{PREFIX}{epoch}:{name}"


def item_member(key: int, actor: int, is_repost: bool) -> bytes:
    """The 16-byte member of a feed item: the post's or repost's record key and its author's id."""
    return _MEMBER.pack(key ^ REPOST_BIT if is_repost else key, actor)


def read_item_member(member: bytes) -> tuple[int, int, bool]:
    """(record key, author id, is_repost) of a feed item's member. A rare (negative) key has its high bits set."""
    key, actor = _MEMBER.unpack(member)
    is_repost = bool(key & REPOST_BIT) != (key < 0)
    return (key ^ REPOST_BIT if is_repost else key), actor, is_repost
