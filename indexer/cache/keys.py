"""Every Redis key and every member's byte form. Nothing else in the program spells a key."""

from __future__ import annotations

import struct

PREFIX = "indexer:"
EPOCH = PREFIX + "epoch"
"""Text: the epoch of the running writer. Expires after EPOCH_SECONDS unless renewed."""

EPOCH_SECONDS = 3

CHANGES = PREFIX + "changes"
"""Channel: what each commit changed, see changes.py."""

TIMELINE_SECONDS = 7200
"""How long a timeline stays after its last read."""

FLOOR_MEMBER = b"floor"
"""A member of every complete timeline; its score is the oldest sort_at down to which the timeline is complete."""

REPOST_BIT = 1 << 62
"""Toggled in an item's key when the item is a repost. A TID reaches this bit in the year 2112 (specification "tid")."""

_MEMBER = struct.Struct(">qq")

MEMBER_BYTES = _MEMBER.size


def timeline(epoch: str, viewer: int) -> str:
    """Sorted set: the newest items of a home timeline (item members, score = sort_at in ms) and FLOOR_MEMBER."""
    return of_epoch(epoch, f"timeline:{viewer}")


def sent(epoch: str) -> str:
    """The number of the last commit that all timelines have; see changes.py."""
    return of_epoch(epoch, "sent")


def timeline_reads(epoch: str) -> str:
    """Set of viewer ids that have read their timeline since the writer last emptied it."""
    return of_epoch(epoch, "timeline-reads")


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
