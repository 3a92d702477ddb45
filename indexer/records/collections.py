"""The collections that the index knows, by code. The same numbers stand in _fastpath/collections.pxd and in the
tables.
"""

from __future__ import annotations

LIKE = 1
REPOST = 2
FOLLOW = 3
BLOCK = 4
POST = 5
PROFILE = 6
GENERATOR = 7
THREADGATE = 8
POSTGATE = 9
LIST = 10
LIST_ITEM = 11
LIST_BLOCK = 12
STARTER_PACK = 13
VERIFICATION = 14
REFERENCE_LIST_OPT_OUT = 15
ACTOR_STATUS = 16
LABELER_SERVICE = 17
NOTIFICATION_DECLARATION = 18
CHAT_DECLARATION = 19
ANY_OTHER = 20
"""A record of a collection that the index does not know, kept where the operator wants that; under a rare key."""

NSIDS: dict[int, str] = {
    LIKE: "app.bsky.feed.like",
    REPOST: "app.bsky.feed.repost",
    FOLLOW: "app.bsky.graph.follow",
    BLOCK: "app.bsky.graph.block",
    POST: "app.bsky.feed.post",
    PROFILE: "app.bsky.actor.profile",
    GENERATOR: "app.bsky.feed.generator",
    THREADGATE: "app.bsky.feed.threadgate",
    POSTGATE: "app.bsky.feed.postgate",
    LIST: "app.bsky.graph.list",
    LIST_ITEM: "app.bsky.graph.listitem",
    LIST_BLOCK: "app.bsky.graph.listblock",
    STARTER_PACK: "app.bsky.graph.starterpack",
    VERIFICATION: "app.bsky.graph.verification",
    REFERENCE_LIST_OPT_OUT: "app.bsky.graph.referencelistoptout",
    ACTOR_STATUS: "app.bsky.actor.status",
    LABELER_SERVICE: "app.bsky.labeler.service",
    NOTIFICATION_DECLARATION: "app.bsky.notification.declaration",
    CHAT_DECLARATION: "chat.bsky.actor.declaration",
}
CODES: dict[str, int] = {nsid: code for code, nsid in NSIDS.items()}
