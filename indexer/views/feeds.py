"""Posts in feeds: feedViewPost, and which items a viewer's blocks and mutes take out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import orjson

from indexer.hydration.encoding import iso
from indexer.hydration.state import FeedItem, Json, Post, State
from indexer.records.collections import REPOST
from indexer.records.post_flags import VIOLATES_THREADGATE
from indexer.views.embeds import quotes_a_post
from indexer.views.posts import blocked_post, post_or_placeholder, post_view
from indexer.views.profiles import profile_basic
from indexer.views.rules import (
    third_parties_block,
    viewer_blocks,
    viewer_mutes,
    viewer_mutes_quotes,
    viewer_mutes_reposts,
)


class Hidden(NamedTuple):
    """Why a feed item would not be shown to the viewer."""

    originator_muted: bool
    originator_reposts_muted: bool
    originator_blocked: bool
    author_muted: bool
    author_quotes_muted: bool
    author_blocked: bool
    ancestor_blocked: bool


def hidden(state: State, item: FeedItem) -> Hidden:
    """The viewer's blocks and mutes that concern an item (reference: feedItemBlocksAndMutes)."""
    post = state.posts.get(item.post)
    parent = state.posts.get(post.parent) if post is not None and post.parent is not None else None
    author = item.post[1]
    return Hidden(
        originator_muted=viewer_mutes(state, item.originator),
        originator_reposts_muted=item.repost is not None and viewer_mutes_reposts(state, item.originator),
        originator_blocked=viewer_blocks(state, item.originator),
        author_muted=viewer_mutes(state, author),
        author_quotes_muted=post is not None and viewer_mutes_quotes(state, author) and quotes_a_post(post),
        author_blocked=viewer_blocks(state, author),
        ancestor_blocked=(
            post is not None
            and post.parent_actor is not None
            and (
                viewer_blocks(state, post.parent_actor)
                or (
                    parent is not None
                    and parent.parent_actor is not None
                    and viewer_blocks(state, parent.parent_actor)
                )
            )
        ),
    )


def without_blocked_and_muted(state: State, items: list[FeedItem]) -> list[FeedItem]:
    """The items of a mixed feed (home, list) that the viewer is to see."""
    if state.viewer is None:
        return items
    return [item for item in items if not any(hidden(state, item))]


def feed_view_post(state: State, item: FeedItem) -> Json | None:
    """app.bsky.feed.defs#feedViewPost; None where the post, or who reposted it, cannot be shown."""
    view = post_view(state, item.post)
    post = state.posts.get(item.post)
    if view is None or post is None:
        return None
    entry: Json = {"post": view}
    if item.pinned:
        entry["reason"] = {"$type": "app.bsky.feed.defs#reasonPin"}
    elif item.repost is not None:
        by = profile_basic(state, item.repost[1])
        if by is None:
            return None
        entry["reason"] = {
            "$type": "app.bsky.feed.defs#reasonRepost",
            "by": by,
            "uri": state.uri(REPOST, *item.repost),
            "cid": item.cid,
            "indexedAt": iso(item.sort_at),
        }
    if post.parent_key is not None and not post.flags & VIOLATES_THREADGATE:
        reply = _reply(state, post)
        if reply is not None:
            entry["reply"] = reply
    return entry


def _reply(state: State, post: Post) -> Json | None:
    reference = post.record.value().get("reply")
    if not isinstance(reference, dict):
        return None
    root_uri, parent_uri = reference["root"]["uri"], reference["parent"]["uri"]
    root, root_shown = post_or_placeholder(state, post.root, root_uri)
    parent, shown = post_or_placeholder(state, post.parent, parent_uri)
    parent_post = state.posts.get(post.parent) if post.parent is not None else None
    if not state.asker.include_takedowns:
        if shown and third_parties_block(state, post.actor, parent_post.actor if parent_post else post.actor):
            assert parent_post is not None
            parent = blocked_post(state, parent_uri, parent_post.actor)
            shown = False
        if root_shown and _blocks_root(state, post, parent_post):
            root = blocked_post(state, root_uri, post.root[1])
    reply: Json = {"root": root, "parent": parent}
    if shown and parent_post is not None and parent_post.parent_actor is not None:
        author = profile_basic(state, parent_post.parent_actor)
        if author is not None:
            reply["grandparentAuthor"] = author
    return reply


def _blocks_root(state: State, post: Post, parent: Post | None) -> bool:
    if third_parties_block(state, post.actor, post.root[1]):
        return True
    return parent is not None and third_parties_block(state, parent.actor, parent.root[1])


def feed_page(entries: Iterable[Json | orjson.Fragment | None], cursor: str | None) -> Json:
    """{feed, cursor} of views, less those that are None."""
    answer: Json = {"feed": [entry for entry in entries if entry is not None]}
    if cursor is not None:
        answer["cursor"] = cursor
    return answer


def feed_answer(state: State, items: list[FeedItem], cursor: str | None) -> Json:
    """{feed, cursor}: what every method that answers with a feed gives."""
    return feed_page((feed_view_post(state, item) for item in items), cursor)
