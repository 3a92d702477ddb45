"""The reasons of notifications (`notification.reason`), and one notification as a row.

like, repost and follow are never rows of `notification`: they are read from those tables.
"""

from __future__ import annotations

from typing import NamedTuple

LIKE = 1
REPOST = 2
FOLLOW = 3
MENTION = 4
REPLY = 5
QUOTE = 6
STARTERPACK_JOINED = 7
VERIFIED = 8
UNVERIFIED = 9
LIKE_VIA_REPOST = 10
REPOST_VIA_REPOST = 11
SUBSCRIBED_POST = 12

REASONS: dict[int, str] = {
    LIKE: "like",
    REPOST: "repost",
    FOLLOW: "follow",
    MENTION: "mention",
    REPLY: "reply",
    QUOTE: "quote",
    STARTERPACK_JOINED: "starterpack-joined",
    VERIFIED: "verified",
    UNVERIFIED: "unverified",
    LIKE_VIA_REPOST: "like-via-repost",
    REPOST_VIA_REPOST: "repost-via-repost",
    SUBSCRIBED_POST: "subscribed-post",
}


class Notice(NamedTuple):
    """A row of `notification`, in the order of its columns: accounts by id, keys as in the tables, sort_at in ms.

    subject_*: what the notification is about (reasonSubject), None where it has none.
    """

    recipient: int
    sort_at: int
    author: int
    reason: int
    record_kind: int
    record_key: int
    subject_kind: int | None = None
    subject_key: int | None = None
    subject_actor: int | None = None
