"""Posts: postView, and the placeholders that stand for posts that are not shown.

What of a post is the same for every viewer is encoded once and kept; a view is put together from such fragments.
"""

from __future__ import annotations

import orjson

from indexer.hydration.encoding import iso
from indexer.hydration.posts import gate_lists
from indexer.hydration.state import NO_MARKS, Holes, Json, Key, Post, State
from indexer.records.collections import LIKE, REPOST
from indexer.records.post_flags import VIOLATES_THREADGATE
from indexer.views.embeds import embed_view
from indexer.views.gates import embedding_disabled, reply_disabled, threadgate_view
from indexer.views.labels import labels_of, self_labels
from indexer.views.profiles import blocked_author, profile_basic
from indexer.views.profiles_detailed import pinned_post
from indexer.views.rules import label_redacts, viewer_blocks

#: What a viewer has to do with most posts.
NO_MARKS_JSON = b',"viewer":{"bookmarked":false,"threadMuted":false,"embeddingDisabled":false}'


def post_view(state: State, key: Key, *, likers: Json | None = None) -> orjson.Fragment | None:
    """app.bsky.feed.defs#postView; None where the post or its author cannot be shown.

    `likers`: those of the viewer's follows who like it (knownLikers), where they are to be shown.
    """
    body = _body(state, key) if likers is None else _made(state, key, likers)
    return None if body is None else orjson.Fragment(b"{" + body + b"}")


def is_shown(state: State, key: Key) -> bool:
    """Whether a post and its author can be shown."""
    return _body(state, key) is not None


def _body(state: State, key: Key) -> bytes | None:
    """The members of the post's view as JSON; made once per request."""
    made = state.made
    if key in made:
        body: bytes | None = made[key]
        return body
    made[key] = body = _made(state, key, None)
    return body


def _made(state: State, key: Key, likers: Json | None) -> bytes | None:
    post = state.posts.get(key)
    author = profile_basic(state, key[1])
    if post is None or author is None:
        return None
    uri = state.post_uri(key)
    if not state.asker.include_takedowns and label_redacts(state, uri):
        return None
    head, own_labels = _common(state, post, uri)
    parts = [head, b',"author":', orjson.dumps(author)]
    if post.embeds_record:
        embed = embed_view(state, post, 1, embedded_post)
        if embed is not None:
            parts += (b',"embed":', orjson.dumps(embed))
    parts.append(counts_json(post) if state.holes is None else state.holes.counts(key))
    if state.holes is not None:
        parts.append(_marks_hole(state, state.holes, post))
    elif state.viewer is not None:
        viewer = _viewer(state, post, uri)
        if likers is not None:
            viewer = {**(viewer or _nothing()), "knownLikers": likers}
        parts.append(NO_MARKS_JSON if viewer is None else b',"viewer":' + orjson.dumps(viewer))
    parts += (b',"labels":', _labels(state, uri, own_labels))
    if post.parent_key is None and post.threadgate is not None:
        gate = threadgate_view(state, post.key)
        if gate is not None:
            parts += (b',"threadgate":', orjson.dumps(gate))
    return b"".join(parts)


def _common(state: State, post: Post, uri: str) -> tuple[bytes, ...]:
    """(members that every viewer sees, labels by the author), as JSON, kept from one request to the next."""
    key = (post.rkey, post.actor, post.cid_digest, post.sort_at)
    parts = state.fragments.get(key)
    if parts is None:
        cid = post.cid
        view: Json = {"uri": uri, "cid": cid, "record": post.record.json()}
        if post.has_embed and not post.embeds_record:
            embed = embed_view(state, post, 1, embedded_post)
            if embed is not None:
                view["embed"] = embed
        view["indexedAt"] = iso(post.sort_at)
        labels = []
        if post.may_label_itself:
            labels = self_labels(uri, state.did(post.actor), cid, post.record.value())
        parts = (orjson.dumps(view)[1:-1], orjson.dumps(labels))
        state.fragments.put(key, parts)
    return parts


def counts_json(post: Post) -> bytes:
    """The members of a post's view that tell its counts."""
    return b',"bookmarkCount":%d,"replyCount":%d,"repostCount":%d,"likeCount":%d,"quoteCount":%d' % (
        post.bookmarks,
        post.replies,
        post.reposts,
        post.likes,
        post.quotes,
    )


def _marks_hole(state: State, holes: Holes, post: Post) -> bytes:
    """Where the viewer's marks go; a gate makes that more than a matter of marks."""
    if state.viewer is None:
        return b""
    root = state.posts.get(post.root)
    gatekeeper = root.actor if root is not None and root.threadgate is not None else None
    if gatekeeper is None and post.postgate is None and not post.flags & VIOLATES_THREADGATE:
        return holes.marks(post.key)
    if root is not None and gatekeeper is not None and gate_lists(root.threadgate_record.value()):
        holes.unfit = True
    return holes.gated_marks(post.key, gatekeeper)


def _labels(state: State, uri: str, own: bytes) -> bytes:
    others = labels_of(state, uri)
    return own if not others else orjson.dumps(others + orjson.loads(own))


def _nothing() -> Json:
    return {"bookmarked": False, "threadMuted": False, "embeddingDisabled": False}


def _viewer(state: State, post: Post, uri: str) -> Json | None:
    """The viewer's standing to a post; None for the usual one, NO_MARKS_JSON."""
    disabled = reply_disabled(state, post)
    closed = embedding_disabled(state, post)
    marks = state.marks.get(post.key, NO_MARKS)
    if marks is NO_MARKS and disabled is None and not closed and state.viewer != post.actor:
        return None
    return marks_view(state, post, uri, disabled, closed)


def marks_json(state: State, post: Post) -> bytes:
    """The member of a post's view that tells the viewer's standing to it; gates show where the state has the posts that
    they stand on.
    """
    viewer = _viewer(state, post, state.post_uri(post.key))
    return NO_MARKS_JSON if viewer is None else b',"viewer":' + orjson.dumps(viewer)


def marks_view(state: State, post: Post, uri: str, disabled: bool | None, closed: bool) -> Json:
    """app.bsky.feed.defs#viewerState."""
    marks = state.marks.get(post.key, NO_MARKS)
    viewer: Json = {}
    if marks.repost is not None:
        viewer["repost"] = f"at://{state.asker.did}/{state.spelling.path(REPOST, marks.repost)}"
    if marks.like is not None:
        viewer["like"] = f"at://{state.asker.did}/{state.spelling.path(LIKE, marks.like)}"
    viewer["bookmarked"] = marks.bookmarked
    viewer["threadMuted"] = marks.thread_muted
    if disabled is not None:
        viewer["replyDisabled"] = disabled
    viewer["embeddingDisabled"] = closed
    if state.viewer == post.actor:
        profile = state.actors[post.actor].profile
        pinned = pinned_post(profile.value()) if profile is not None else None
        if pinned is not None:
            viewer["pinned"] = pinned["uri"] == uri
    return viewer


def embedded_post(state: State, key: Key, depth: int) -> Json | None:
    """app.bsky.embed.record#viewRecord of a post that another embeds; embeds are shown two levels deep."""
    post = state.posts.get(key)
    author = profile_basic(state, key[1])
    if post is None or author is None:
        return None
    uri = state.post_uri(key)
    if not state.asker.include_takedowns and label_redacts(state, uri):
        return None
    _, own_labels = _common(state, post, uri)
    if state.holes is not None:
        state.holes.counted.add(key)
    embedded: Json = {
        "$type": "app.bsky.embed.record#viewRecord",
        "uri": uri,
        "cid": post.cid,
        "author": author,
        "value": post.record.json(),
        "labels": orjson.Fragment(_labels(state, uri, own_labels)),
        "likeCount": post.likes,
        "replyCount": post.replies,
        "repostCount": post.reposts,
        "quoteCount": post.quotes,
        "indexedAt": iso(post.sort_at),
    }
    if depth <= 1:
        embed = embed_view(state, post, depth + 1, embedded_post) if post.has_embed else None
        embedded["embeds"] = [embed] if embed is not None else []
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


def post_or_placeholder(state: State, key: Key | None, uri: str) -> tuple[Json | orjson.Fragment, bool]:
    """The post as a member of a union or the placeholder that tells why it is not shown; and whether it is shown."""
    body = _body(state, key) if key is not None else None
    if key is None or body is None:
        return not_found_post(uri), False
    if viewer_blocks(state, key[1]):
        return blocked_post(state, uri, key[1]), False
    return orjson.Fragment(b'{"$type":"app.bsky.feed.defs#postView",' + body + b"}"), True
