"""Threadgates and postgates: whether the viewer may reply to, or quote, a post."""

from __future__ import annotations

from indexer.hydration.encoding import cid_text
from indexer.hydration.posts import gate_lists
from indexer.hydration.state import Json, Key, Post, State
from indexer.records.collections import LIST, THREADGATE
from indexer.records.post_flags import VIOLATES_THREADGATE
from indexer.views.lists_basic import list_basic

_RULE = "app.bsky.feed.threadgate#"


def threadgate_view(state: State, root: Key) -> Json | None:
    """app.bsky.feed.defs#threadgateView of the gate on a thread's first post; None without a gate."""
    post = state.posts.get(root)
    if post is None or post.threadgate is None or post.threadgate_cid is None:
        return None
    gate = post.threadgate_record
    lists = []
    for uri in gate_lists(gate.value()):
        key = state.uris.get(uri)
        view = list_basic(state, (key[1], key[2])) if key is not None and key[0] == LIST else None
        if view is not None:
            lists.append(view)
    return {
        "uri": state.uri(THREADGATE, *root),
        "cid": cid_text(post.threadgate_cid),
        "record": gate.json(),
        "lists": lists,
    }


def hidden_by_gate(state: State, root: Key, reply_uri: str) -> bool:
    """Whether the thread's author has hidden this reply."""
    post = state.posts.get(root)
    if post is None or post.threadgate is None:
        return False
    return reply_uri in (post.threadgate_record.value().get("hiddenReplies") or ())


def reply_disabled(state: State, post: Post) -> bool | None:
    """Whether the viewer may not reply; None where no gate stands or nobody asks."""
    if post.flags & VIOLATES_THREADGATE:
        return True
    root = state.posts.get(post.root)
    if root is None or root.threadgate is None or state.viewer is None:
        return None
    gate = root.threadgate_record.value()
    allow = gate.get("allow")
    if state.viewer == root.actor or allow is None:
        return False
    rules = {rule.get("$type") for rule in allow if isinstance(rule, dict)}
    if f"{_RULE}mentionRule" in rules and _mentions(root, state.asker.did):
        return False
    relation = state.relation(root.actor)
    if f"{_RULE}followerRule" in rules and relation.following is not None:
        return False
    if f"{_RULE}followingRule" in rules and relation.followed_by is not None:
        return False
    for uri in gate_lists(gate):
        key = state.uris.get(uri)
        standing = state.lists.get((key[1], key[2])) if key is not None else None
        if standing is not None and standing.viewer_listed:
            return False
    return True


def _mentions(post: Post, did: str | None) -> bool:
    for facet in post.record.value().get("facets") or ():
        for feature in facet.get("features") or ():
            if feature.get("$type") == "app.bsky.richtext.facet#mention" and feature.get("did") == did:
                return True
    return False


def embedding_disabled(state: State, post: Post) -> bool:
    """Whether the viewer may not quote the post."""
    if post.postgate is None or state.viewer == post.actor:
        return False
    rules = post.postgate_record.value().get("embeddingRules") or ()
    return any(
        isinstance(rule, dict) and rule.get("$type") == "app.bsky.feed.postgate#disableRule" for rule in rules
    )
