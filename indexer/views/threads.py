"""Threads as trees: threadViewPost with its parents and replies (app.bsky.feed.getPostThread)."""

from __future__ import annotations

from indexer.hydration.state import Json, Key, Post, State
from indexer.records.collections import LIKE
from indexer.records.post_flags import VIOLATES_THREADGATE
from indexer.views.posts import blocked_post, not_found_post, post_view
from indexer.views.rules import third_parties_block, viewer_blocks, viewer_sees_needs_review


def thread_view(state: State, anchor: Key, replies: list[Key], height: int, depth: int) -> Json | None:
    """The thread around a post: `height` parents, `depth` levels of replies; None where the post cannot be shown."""
    post = state.posts.get(anchor)
    view = post_view(state, anchor)
    if post is None or view is None:
        return None
    if viewer_blocks(state, post.actor):
        return blocked_post(state, state.post_uri(post.key), post.actor)
    thread: Json = {"$type": "app.bsky.feed.defs#threadViewPost", "post": view}
    if not post.flags & VIOLATES_THREADGATE:
        parent = _parent(state, post, post.root, height)
        if parent is not None:
            thread["parent"] = parent
        if depth > 0:
            thread["replies"] = _replies(state, anchor, post.root, children_of(state, anchor, replies), depth)
    thread["threadContext"] = thread_context(state, post)
    return thread


def children_of(state: State, anchor: Key, replies: list[Key]) -> dict[Key, list[Key]]:
    """Replies by the post that they reply to, each once, in their order."""
    children: dict[Key, list[Key]] = {}
    for key in dict.fromkeys(replies):
        post = state.posts.get(key)
        if post is not None and post.parent is not None and key != anchor:
            children.setdefault(post.parent, []).append(key)
    return children


def thread_context(state: State, post: Post) -> Json:
    """The like of the thread's author on a post of it."""
    like = state.root_likes.get(post.key)
    if like is None:
        return {}
    return {"rootAuthorLike": state.uri(LIKE, like, post.root[1])}


def parent_uri(post: Post) -> str:
    """The URI by which a reply names its parent."""
    uri: str = post.record.value()["reply"]["parent"]["uri"]
    return uri


def _parent(state: State, child: Post, root: Key, height: int) -> Json | None:
    if height < 1 or child.parent is None:
        return None
    uri = parent_uri(child)
    if not state.asker.include_takedowns and third_parties_block(state, child.actor, child.parent[1]):
        return blocked_post(state, uri, child.parent[1])
    post = state.posts.get(child.parent)
    view = post_view(state, child.parent)
    if post is None or view is None:
        return not_found_post(uri)
    if post.root != root:
        return None  # the record claims a place in a thread that its parent does not belong to
    if viewer_blocks(state, post.actor):
        return blocked_post(state, uri, post.actor)
    thread: Json = {"$type": "app.bsky.feed.defs#threadViewPost", "post": view}
    parent = _parent(state, post, root, height - 1)
    if parent is not None:
        thread["parent"] = parent
    thread["threadContext"] = thread_context(state, post)
    return thread


def _replies(state: State, key: Key, root: Key, children: dict[Key, list[Key]], depth: int) -> list[Json]:
    shown = []
    for child in children.get(key, ()):
        reply = _reply(state, child, root, children, depth)
        if reply is not None:
            shown.append(reply)
    return shown


def _reply(state: State, key: Key, root: Key, children: dict[Key, list[Key]], depth: int) -> Json | None:
    post = state.posts.get(key)
    view = post_view(state, key)
    if not may_reply_show(state, post) or post is None or view is None or post.root != root:
        return None
    if viewer_blocks(state, post.actor):
        return blocked_post(state, state.post_uri(post.key), post.actor)
    if not viewer_sees_needs_review(state, post.actor, state.post_uri(key)):
        return None
    thread: Json = {"$type": "app.bsky.feed.defs#threadViewPost", "post": view}
    if depth > 1:
        thread["replies"] = _replies(state, key, root, children, depth - 1)
    thread["threadContext"] = thread_context(state, post)
    return thread


def may_reply_show(state: State, post: Post | None) -> bool:
    """Whether neither a gate nor a block between the two authors keeps a reply out of its thread."""
    if post is None or post.flags & VIOLATES_THREADGATE or post.parent is None:
        return False
    return state.asker.include_takedowns or not third_parties_block(state, post.actor, post.parent[1])
