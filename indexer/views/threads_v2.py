"""Threads as flat lists, sorted for reading (app.bsky.unspecced.getPostThreadV2 and getPostThreadOtherV2).

A tree is built first; replies are sorted and trimmed in it; then it is laid out: parents, anchor, replies.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cmp_to_key
from typing import Final

import orjson

from indexer.hydration.state import Json, Key, Post, State
from indexer.records.post_flags import VIOLATES_THREADGATE
from indexer.views.gates import hidden_by_gate
from indexer.views.posts import post_view
from indexer.views.profiles import account_labels, blocked_author
from indexer.views.profiles_detailed import known_likers
from indexer.views.rules import (
    third_parties_block,
    viewer_blocks,
    viewer_mutes,
    viewer_sees_needs_review,
)
from indexer.views.threads import children_of, may_reply_show, parent_uri

_DEFS: Final = "app.bsky.unspecced.defs#"

#: A reply of this alone is a note to oneself and not for reading.
_PUSHPIN: Final = "\N{PUSHPIN}"


@dataclass(frozen=True, slots=True)
class Options:
    """How a thread is to be laid out. `op_thread`: the author's own continuation of the thread."""

    above: int
    below: int
    branching: int
    sort: str = "newest"
    op_thread: frozenset[Key] = frozenset()
    op_order: tuple[Key, ...] = ()


@dataclass(slots=True)
class Node:
    """A place in the tree: its item (None: not shown itself) and what the order among siblings depends on."""

    item: Json | None
    depth: int
    key: Key | None = None
    author: int = 0
    hidden: bool = False
    op_like: bool = False
    sort_at: int = 0
    likes: int = 0
    followed: bool = False
    parent: Node | None = None
    replies: list[Node] = field(default_factory=list)

    @property
    def value(self) -> Json:
        assert self.item is not None
        value: Json = self.item["value"]
        return value


def thread_v2(state: State, anchor: Key, uri: str, replies: list[Key], options: Options) -> Json:
    """{thread, hasOtherReplies} around an anchor; what cannot be shown stands as an item that says why."""
    post = state.posts.get(anchor)
    view = post_view(state, anchor)
    if post is None or view is None:
        return {"hasOtherReplies": False, "thread": [_item(uri, 0, {"$type": _DEFS + "threadItemNotFound"})]}
    if viewer_blocks(state, post.actor):
        return {"hasOtherReplies": False, "thread": [_blocked(state, state.post_uri(anchor), 0, post.actor)]}
    builder = _Builder(state, options, post.root, children_of(state, anchor, replies))
    gated = bool(post.flags & VIOLATES_THREADGATE)
    parent, parent_is_op = (None, False) if gated else builder.parent(post, -1)
    is_op = post.actor == post.root[1] and (parent_is_op if parent is not None else True)
    if _needs_account(state, post.actor):
        node = _no_account(state.post_uri(anchor), 0)
        node.parent = parent
        return {"hasOtherReplies": False, "thread": list(_flatten(node))}
    likers = known_likers(state, anchor)
    if likers is not None:
        view = post_view(state, anchor, likers=likers)
    assert view is not None
    node = builder.node(post, view, 0, is_op, allowance=None)
    node.parent = parent
    if not gated:
        node.replies = builder.replies(anchor, 1, is_op)
        builder.sort(node)
    thread = list(_flatten(node))
    if options.op_order:
        _mark_op_thread(state, thread, options.op_order)
    return {"hasOtherReplies": builder.has_other, "thread": thread}


def other_replies(state: State, anchor: Key, replies: list[Key]) -> list[Json]:
    """The direct replies that getPostThreadV2 leaves out: hidden by the thread's author or muted."""
    post = state.posts.get(anchor)
    view = post_view(state, anchor)
    if post is None or view is None or viewer_blocks(state, post.actor):
        return []
    builder = _Builder(
        state, Options(above=0, below=1, branching=0), post.root, children_of(state, anchor, replies)
    )
    node = Node(None, 0)
    node.replies = builder.others(anchor)
    builder.sort(node)
    return list(_flatten(node))


class _Builder:
    def __init__(self, state: State, options: Options, root: Key, children: dict[Key, list[Key]]) -> None:
        self.state = state
        self.options = options
        self.root = root
        self.children = children
        self.has_other = False

    # --- upwards -----------------------------------------------------------------------------------------------------

    def parent(self, child: Post, depth: int) -> tuple[Node | None, bool]:
        """The node above a post, and whether all from the root to it is the thread's author's."""
        if -depth > self.options.above or child.parent is None:
            return None, False
        state, uri = self.state, parent_uri(child)
        post = state.posts.get(child.parent)
        view = post_view(state, child.parent)
        if post is None or view is None:
            return Node(_item(uri, depth, {"$type": _DEFS + "threadItemNotFound"}), depth), False
        if post.root != self.root:
            return None, False
        if viewer_blocks(state, post.actor) or (
            not state.asker.include_takedowns and third_parties_block(state, child.actor, post.actor)
        ):
            return Node(_blocked(state, uri, depth, post.actor), depth), False
        above, above_is_op = self.parent(post, depth - 1)
        is_op = post.actor == self.root[1] and (above_is_op if above is not None else True)
        if _needs_account(state, post.actor):
            node = _no_account(uri, depth)
        else:
            more = post.parent is not None and above is None
            node = self.node(post, view, depth, is_op, allowance=None, more_parents=more)
        node.parent = above
        return node, is_op

    # --- downwards ---------------------------------------------------------------------------------------------------

    def replies(self, key: Key, depth: int, above_is_op: bool) -> list[Node]:
        if depth > self.options.below:
            return []
        nodes = []
        for child in self.children.get(key, ()):
            shown = self._reply(child)
            if shown is None:
                continue
            post, view = shown
            if self._is_other(post)[0]:
                self.has_other = self.has_other or depth == 1
                continue
            is_op = above_is_op and post.actor == self.root[1]
            allowance = 0 if depth == self.options.below else self.options.branching
            node = self.node(post, view, depth, is_op, allowance=allowance)
            node.replies = self.replies(child, depth + 1, is_op)
            nodes.append(node)
        return nodes

    def others(self, anchor: Key) -> list[Node]:
        nodes = []
        for child in self.children.get(anchor, ()):
            shown = self._reply(child)
            if shown is None:
                continue
            post, view = shown
            other, by_gate, muted = self._is_other(post)
            if not other:
                continue
            node = self.node(post, view, 1, False, allowance=None)
            node.hidden = True
            node.value.update({"hiddenByThreadgate": by_gate, "mutedByViewer": muted})
            nodes.append(node)
        return nodes

    def _reply(self, key: Key) -> tuple[Post, orjson.Fragment] | None:
        state = self.state
        post = state.posts.get(key)
        view = post_view(state, key)
        if post is None or view is None or not may_reply_show(state, post) or post.root != self.root:
            return None
        if viewer_blocks(state, post.actor) or _needs_account(state, post.actor):
            return None
        return (post, view) if viewer_sees_needs_review(state, post.actor, state.post_uri(key)) else None

    def _follows(self, actor: int) -> bool:
        return self.state.relation(actor).following is not None and not viewer_blocks(self.state, actor)

    def _is_other(self, post: Post) -> tuple[bool, bool, bool]:
        """Whether a reply stands aside, and whether because of the gate, and because of a mute."""
        own = self.state.viewer == post.actor
        by_gate = not own and hidden_by_gate(self.state, self.root, self.state.post_uri(post.key))
        muted = viewer_mutes(self.state, post.actor)
        pin = post.record.value().get("text", "").strip() == _PUSHPIN
        return by_gate or muted or pin, by_gate, muted

    def node(
        self,
        post: Post,
        view: orjson.Fragment,
        depth: int,
        is_op: bool,
        *,
        allowance: int | None,
        more_parents: bool = False,
    ) -> Node:
        """The node of a post. `allowance`: how many of its replies will be shown (None: all)."""
        more = 0 if allowance is None else max(post.replies - allowance, 0)
        value = {
            "$type": _DEFS + "threadItemPost",
            "post": view,
            "moreParents": more_parents,
            "moreReplies": more,
            "opThread": is_op,
            "hiddenByThreadgate": False,
            "mutedByViewer": False,
        }
        return Node(
            _item(self.state.post_uri(post.key), depth, value),
            depth,
            key=post.key,
            author=post.actor,
            sort_at=post.sort_at,
            likes=post.likes,
            followed=self._follows(post.actor),
            op_like=post.key in self.state.root_likes,
        )

    # --- order -------------------------------------------------------------------------------------------------------

    def sort(self, node: Node) -> None:
        """Order the replies at every level, and keep as many as are to be shown (all of the anchor's own)."""
        node.replies.sort(key=cmp_to_key(self._compare))
        if node.depth != 0:
            del node.replies[self.options.branching :]
        for reply in node.replies:
            self.sort(reply)

    def _compare(self, one: Node, other: Node) -> int:
        for direction, applies in self._bumps():
            first, second = applies(one), applies(other)
            if first and second:
                break
            if first or second:
                return direction if first else -direction
        return self._by_sort(one, other)

    def _bumps(self) -> Iterator[tuple[int, Callable[[Node], bool]]]:
        """What brings a reply to the front (-1) or back (1) whatever the order asked for, the strongest first."""
        yield -1, lambda node: node.key in self.options.op_thread
        yield -1, lambda node: node.author == self.root[1]
        yield -1, lambda node: node.author == self.state.viewer
        yield -1, lambda node: not node.hidden and node.followed
        yield 1, lambda node: node.hidden and bool(node.value["mutedByViewer"])
        yield 1, lambda node: node.hidden and bool(node.value["hiddenByThreadgate"])

    def _by_sort(self, one: Node, other: Node) -> int:
        first, second = one.sort_at, other.sort_at
        if not one.hidden and not other.hidden:
            if self.options.sort == "oldest":
                return int(first > second) - int(first < second)
            if self.options.sort == "top":
                difference = _top_value(other) - _top_value(one)
                if difference:
                    return 1 if difference > 0 else -1
        return int(second > first) - int(second < first)


def _top_value(node: Node) -> float:
    return math.log(3 + node.likes) * (1.45 if node.op_like else 1.0)


def _flatten(node: Node) -> Iterator[Json]:
    if node.parent is not None:
        yield from _flatten(node.parent)
    if node.item is not None:
        yield node.item
    for reply in node.replies:
        yield from _flatten(reply)


def _mark_op_thread(state: State, thread: list[Json], order: tuple[Key, ...]) -> None:
    """Say of each post which place it has in the author's continuation of the thread."""
    places = {state.post_uri(key): number for number, key in enumerate(order, 1) if key[1] in state.actors}
    for item in thread:
        value = item["value"]
        if value["$type"] != _DEFS + "threadItemPost":
            continue
        place = places.get(item["uri"])
        value["opThread"] = place is not None
        if place is not None:
            value["opThreadPostIndex"] = place
            value["opThreadPostCount"] = len(order)


def _item(uri: str, depth: int, value: Json) -> Json:
    return {"uri": uri, "depth": depth, "value": value}


def _blocked(state: State, uri: str, depth: int, actor: int) -> Json:
    author = blocked_author(state, actor, state.did(actor))
    return _item(uri, depth, {"$type": _DEFS + "threadItemBlocked", "author": author})


def _no_account(uri: str, depth: int) -> Node:
    return Node(_item(uri, depth, {"$type": _DEFS + "threadItemNoUnauthenticated"}), depth)


def _needs_account(state: State, actor: int) -> bool:
    """Whether the author lets only signed-in people read."""
    if state.viewer is not None:
        return False
    return any(label["val"] == "!no-unauthenticated" for label in account_labels(state, state.actors[actor]))
