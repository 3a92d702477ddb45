"""Posts: postView, and the placeholders that stand for posts that are not shown."""

from __future__ import annotations

from indexer.hydration.encoding import iso
from indexer.hydration.state import Json, Key, Post, State
from indexer.records.collections import LIKE, REPOST
from indexer.views.embeds import embed_view
from indexer.views.gates import embedding_disabled, reply_disabled, threadgate_view
from indexer.views.labels import labels_of, self_labels
from indexer.views.profiles import blocked_author, profile_basic
from indexer.views.profiles_detailed import pinned_post
from indexer.views.rules import label_redacts, viewer_blocks

_EMBED_DEPTH = 2


def post_view(state: State, key: Key, depth: int = 0) -> Json | None:
    """app.bsky.feed.defs#postView; None where the post or its author cannot be shown.

    `depth`: how many posts this one is embedded in; embeds are shown two levels deep.
    """
    if depth == 0 and ("post", key) in state.made:
        made: Json | None = state.made[("post", key)]
        return made
    post = state.posts.get(key)
    author = profile_basic(state, key[1])
    view = None
    if post is not None and author is not None:
        uri = state.post_uri(key)
        if state.asker.include_takedowns or not label_redacts(state, uri):
            view = _post(state, post, uri, author, depth)
    if depth == 0:
        state.made[("post", key)] = view
    return view


def _post(state: State, post: Post, uri: str, author: Json, depth: int) -> Json:
    view: Json = {"uri": uri, "cid": post.cid, "author": author, "record": post.record.json()}
    if post.has_embed and depth < _EMBED_DEPTH:
        embed = embed_view(state, post, depth + 1, embedded_post)
        if embed is not None:
            view["embed"] = embed
    view["bookmarkCount"] = post.bookmarks
    view["replyCount"] = post.replies
    view["repostCount"] = post.reposts
    view["likeCount"] = post.likes
    view["quoteCount"] = post.quotes
    view["indexedAt"] = iso(post.sort_at)
    if state.viewer is not None and depth == 0:
        view["viewer"] = _viewer(state, post, uri)
    labels = labels_of(state, uri)
    if post.may_label_itself:
        labels += self_labels(uri, author["did"], view["cid"], post.record.value())
    view["labels"] = labels
    if post.parent_key is None and depth == 0:
        gate = threadgate_view(state, post.key)
        if gate is not None:
            view["threadgate"] = gate
    return view


def _viewer(state: State, post: Post, uri: str) -> Json:
    viewer: Json = {}
    if post.viewer_repost is not None:
        viewer["repost"] = f"at://{state.asker.did}/{state.spelling.path(REPOST, post.viewer_repost)}"
    if post.viewer_like is not None:
        viewer["like"] = f"at://{state.asker.did}/{state.spelling.path(LIKE, post.viewer_like)}"
    viewer["bookmarked"] = post.viewer_bookmarked
    viewer["threadMuted"] = post.viewer_thread_muted
    disabled = reply_disabled(state, post)
    if disabled is not None:
        viewer["replyDisabled"] = disabled
    viewer["embeddingDisabled"] = embedding_disabled(state, post)
    if state.viewer == post.actor:
        profile = state.actors[post.actor].profile
        pinned = pinned_post(profile.value()) if profile is not None else None
        if pinned is not None:
            viewer["pinned"] = pinned["uri"] == uri
    return viewer


def embedded_post(state: State, key: Key, depth: int) -> Json | None:
    """app.bsky.embed.record#viewRecord of a post that another embeds."""
    view = post_view(state, key, depth)
    if view is None:
        return None
    embedded: Json = {
        "$type": "app.bsky.embed.record#viewRecord",
        "uri": view["uri"],
        "cid": view["cid"],
        "author": view["author"],
        "value": view["record"],
        "labels": view["labels"],
        "likeCount": view["likeCount"],
        "replyCount": view["replyCount"],
        "repostCount": view["repostCount"],
        "quoteCount": view["quoteCount"],
        "indexedAt": view["indexedAt"],
    }
    if depth <= 1:
        embedded["embeds"] = [view["embed"]] if "embed" in view else []
    return embedded


# --- placeholders --------------------------------------------------------------------------------------------------


def not_found_post(uri: str) -> Json:
    return {"$type": "app.bsky.feed.defs#notFoundPost", "uri": uri, "notFound": True}


def blocked_post(state: State, uri: str, actor: int) -> Json:
    return {
        "$type": "app.bsky.feed.defs#blockedPost",
        "uri": uri,
        "blocked": True,
        "author": blocked_author(state, actor, state.did(actor)),
    }


def post_or_placeholder(state: State, key: Key | None, uri: str) -> Json:
    """The post as a member of a union, or the placeholder that tells why it is not shown."""
    view = post_view(state, key) if key is not None else None
    if key is None or view is None:
        return not_found_post(uri)
    if viewer_blocks(state, key[1]):
        return blocked_post(state, uri, key[1])
    return {"$type": "app.bsky.feed.defs#postView", **view}
