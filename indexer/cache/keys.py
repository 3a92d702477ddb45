"""Every Redis key and every member's byte form. Nothing else in the program spells a key."""

from __future__ import annotations

import struct
from enum import StrEnum

PREFIX = "indexer:"
EPOCH = PREFIX + "epoch"
"""Text: the epoch of the running writer. Expires after EPOCH_SECONDS unless renewed."""

EPOCH_SECONDS = 3

CHANGES = PREFIX + "changes"
"""Channel: what each commit changed, see changes.py."""

COUNTS_WANTED_SECONDS = 600

TIMELINE_SECONDS = 7200
"""How long a timeline stays after its last read."""

FLOOR_MEMBER = b"floor"
"""A member of every complete timeline; its score is the oldest sort_at down to which the timeline is complete."""

REPOST_BIT = 1 << 62
"""Toggled in an item's key when the item is a repost. A TID reaches this bit in the year 2112 (specification "tid")."""

_MEMBER = struct.Struct(">qq")

DAY_MICROSECONDS = 86_400_000_000


class Count(StrEnum):
    """What is counted; the value stands in the key."""

    LIKES = "likes"
    REPOSTS = "reposts"
    REPLIES = "replies"
    QUOTES = "quotes"
    FOLLOWERS = "followers"
    FOLLOWS = "follows"
    POSTS = "posts"


POST_COUNTS = (Count.LIKES, Count.REPOSTS, Count.REPLIES, Count.QUOTES)
ACTOR_COUNTS = (Count.FOLLOWERS, Count.FOLLOWS, Count.POSTS)

ACTOR_BUCKETS = 64


def timeline(epoch: str, viewer: int) -> str:
    """Sorted set: the newest items of a home timeline (item members, score = sort_at in ms) and FLOOR_MEMBER."""
    return of_epoch(epoch, f"timeline:{viewer}")


def counts_wanted(epoch: str) -> str:
    """Set by readers that would use cached counts, for COUNTS_WANTED_SECONDS."""
    return of_epoch(epoch, "counts-wanted")


def counts_kept(epoch: str) -> str:
    """Set by the writer while it sends every changed count: only then may a reader fill one."""
    return of_epoch(epoch, "counts-kept")


def timeline_reads(epoch: str) -> str:
    """Set of viewer ids that have read their timeline since the writer last emptied it."""
    return of_epoch(epoch, "timeline-reads")


def of_epoch(epoch: str, name: str) -> str:
    """The full key of what `name` (a count's sorted set) names within an epoch."""
    return f"{PREFIX}{epoch}:{name}"


def post_count(count: Count, key: int) -> str:
    """Sorted set: post members with the count as score, one set per count and day of the post (rare keys: one set)."""
    bucket = (key >> 10) // DAY_MICROSECONDS if key > 0 else "rare"
    return f"{count}:{bucket}"


def actor_count(count: Count, actor: int) -> str:
    """Sorted set: actor members with the count as score, spread over ACTOR_BUCKETS sets."""
    return f"{count}:{actor % ACTOR_BUCKETS}"


def item_member(key: int, actor: int, is_repost: bool) -> bytes:
    """The 16-byte member of a feed item: the post's or repost's record key and its author's id."""
    return _MEMBER.pack(key ^ REPOST_BIT if is_repost else key, actor)


def read_item_member(member: bytes) -> tuple[int, int, bool]:
    """(record key, author id, is_repost) of a feed item's member. A rare (negative) key has its high bits set."""
    key, actor = _MEMBER.unpack(member)
    is_repost = bool(key & REPOST_BIT) != (key < 0)
    return (key ^ REPOST_BIT if is_repost else key), actor, is_repost


def post_member(key: int, actor: int) -> bytes:
    """The 16-byte member of a counted subject."""
    return _MEMBER.pack(key, actor)


def actor_member(actor: int) -> bytes:
    """The member of a counted account: its id in decimal."""
    return b"%d" % actor
