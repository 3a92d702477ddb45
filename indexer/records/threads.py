"""What a post means among others: broken threads, gates, and whom it notifies. Pure: works on what was read before.

One batch's posts are judged one after the other, in stream order, against the database as it was before the batch
(`Known`) and what the batch itself did up to there, so that the outcome does not depend on where batches end.
Rules of the reference AppView (its post indexer and `invalidReplyRoot`, `violatesThreadGate`), except that replies
which arrive before their parent end up notifying exactly whom they would have notified in order.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from indexer.records import notices
from indexer.records.collections import POST
from indexer.records.notices import Notice
from indexer.records.post_flags import INVALID_REPLY_ROOT, VIOLATES_POSTGATE, VIOLATES_THREADGATE

NOTICE_HEIGHT = 5
"""A reply notifies the authors above it whose height is below this (parent = 1)."""

EXISTS_ALREADY = 128
"""Bit of a verdict's byte: the post's path exists, nothing happens."""

PostId = tuple[int, int]
"""(rkey, actor)"""


class Post(NamedTuple):
    """A post that stands somewhere in a thread; ids are (key, actor), None where it has no such relation."""

    id: PostId
    parent: PostId | None
    root: PostId | None
    flags: int
    sort_at: int


class NewPost(NamedTuple):
    """A post that the batch creates: `place` in the stream; gate keys under which its root's and its quote's gate
    would stand.
    """

    place: int
    post: Post
    quote: PostId | None
    stored: bool
    is_update: bool
    thread_gate: PostId | None
    post_gate: PostId | None


@dataclass(frozen=True, slots=True)
class ThreadGate:
    """What a thread gate says. allow None: anybody may reply; lists as (key, actor)."""

    allow: bool = False
    mentioned: bool = False
    followers: bool = False
    followed: bool = False
    lists: tuple[PostId, ...] = ()
    hidden: frozenset[PostId] = frozenset()

    @property
    def asks(self) -> bool:
        """Whether its rules depend on anything but the gate itself."""
        return self.allow and (self.mentioned or self.followers or self.followed or bool(self.lists))


class Gates:
    """Gates by (key, actor): as stored before the batch, then as the batch changes them, each from its place on."""

    def __init__(
        self, stored: Mapping[PostId, object], changes: Mapping[PostId, Sequence[tuple[int, object]]]
    ) -> None:
        self._stored = stored
        self._changes = changes

    def at(self, key: PostId | None, place: int) -> object:
        """Return the gate that holds for the op at `place`, None if there is none."""
        if key is None:
            return None
        gate = self._stored.get(key)
        for changed_at, changed in self._changes.get(key, ()):
            if changed_at >= place:
                break
            gate = changed
        return gate


@dataclass
class Known:
    """What was read for one batch, as it was before it.

    posts: ancestors (up to 4 levels) and descendants of the batch's posts. children: stored replies of those.
    noticed: record -> recipients already notified of it, for stored descendants. permitted: (place of a gated reply) of
    repliers whom the rules of their thread's gate let in.
    """

    posts: dict[PostId, Post] = field(default_factory=dict)
    children: dict[PostId, list[PostId]] = field(default_factory=dict)
    noticed: dict[PostId, set[int]] = field(default_factory=dict)
    thread_gates: Gates = field(default_factory=lambda: Gates({}, {}))
    post_gates: Gates = field(default_factory=lambda: Gates({}, {}))
    permitted: Collection[int] = frozenset()


class Threads:
    """The judge of one batch. `add`, `delete` and `purge` come in stream order; `verdicts` and `notices` are the
    outcome.
    """

    def __init__(self, known: Known, verdicts: bytearray) -> None:
        self._known = known
        self._alive: dict[PostId, Post | None] = {}
        self._children: dict[PostId, list[PostId]] = {}
        self._purged: set[int] = set()
        self._notices: dict[PostId, dict[int, Notice]] = {}
        self._forgotten: set[PostId] = set()
        self.verdicts = verdicts

    def notices(self) -> list[Notice]:
        """Return the notifications that the batch's posts cause, in stream order."""
        return [notice for of_post in self._notices.values() for notice in of_post.values()]

    def delete(self, id_: PostId) -> None:
        """A post is deleted, and with it what was notified about it."""
        self._alive[id_] = None
        self._notices.pop(id_, None)
        self._forgotten.add(id_)

    def purge(self, actor: int) -> None:
        """An account is deleted: its posts, and the notifications by and for it."""
        self._purged.add(actor)
        for id_, post in self._alive.items():
            if id_[1] == actor and post is not None:
                self._alive[id_] = None
        for id_ in [id_ for id_ in self._notices if id_[1] == actor]:
            del self._notices[id_]
        for of_post in self._notices.values():
            of_post.pop(actor, None)

    def add(self, new: NewPost, mentions: Sequence[int]) -> None:
        """A post comes: judge it and note whom it notifies.

        mentions: ids of the accounts that its text mentions, in order.
        """
        place, post = new.place, new.post
        if new.is_update:
            self.delete(post.id)
        elif self._find(post.id) is not None or (
            new.stored and post.id not in self._alive and post.id[1] not in self._purged
        ):
            self.verdicts[place] = EXISTS_ALREADY
            return
        parent, root = post.parent, post.root
        if parent is None and new.quote is None and not mentions:
            self._alive[post.id] = post
        else:
            flags = post.flags
            if parent is not None:
                flags |= self._reply_flags(new)
                self._children.setdefault(parent, []).append(post.id)
            if (
                new.quote is not None
                and new.quote[1] != post.id[1]
                and self._known.post_gates.at(new.post_gate, place)
            ):
                flags |= VIOLATES_POSTGATE
            self.verdicts[place] = flags >> 8
            post = Post(post.id, parent, root, flags, post.sort_at)
            self._alive[post.id] = post
            self._notify(new, post, mentions)
        if post.id in self._children or post.id in self._known.children:
            self._notify_for_descendants(new, post)

    # --- judging ----------------------------------------------------------------------------------------------------

    def _find(self, id_: PostId) -> Post | None:
        try:
            return self._alive[id_]
        except KeyError:
            return None if id_[1] in self._purged else self._known.posts.get(id_)

    def _reply_flags(self, new: NewPost) -> int:
        post = new.post
        flags = 0
        assert post.parent is not None
        parent = self._find(post.parent)
        if parent is None or parent.flags & INVALID_REPLY_ROOT:
            broken = True
        elif post.parent == post.root:
            broken = parent.parent is not None
        else:
            broken = parent.root != post.root
        if broken:
            flags |= INVALID_REPLY_ROOT
        gate = self._known.thread_gates.at(new.thread_gate, new.place)
        owner = None if post.root is None else post.root[1]
        restricted = isinstance(gate, ThreadGate) and gate.allow and owner != post.id[1]
        if restricted and new.place not in self._known.permitted:
            flags |= VIOLATES_THREADGATE
        return flags

    # --- notifying --------------------------------------------------------------------------------------------------

    def _notify(self, new: NewPost, post: Post, mentions: Sequence[int]) -> None:
        (key, author), sort_at = post.id, post.sort_at
        found: dict[int, Notice] = {}
        for recipient in mentions:
            if recipient != author and recipient not in found:
                found[recipient] = Notice(recipient, sort_at, author, notices.MENTION, POST, key)
        quote = new.quote
        if (
            quote is not None
            and quote[1] != author
            and quote[1] not in found
            and not post.flags & VIOLATES_POSTGATE
        ):
            found[quote[1]] = Notice(
                quote[1], sort_at, author, notices.QUOTE, POST, key, POST, quote[0], quote[1]
            )
        if post.parent is not None and not post.flags & VIOLATES_THREADGATE:
            self._notify_ancestors(post, post, 0, found, self._hidden(new))
        if found:
            self._notices[post.id] = found

    def _notify_ancestors(
        self, reply: Post, below: Post, height: int, found: dict[int, Notice], hidden: Collection[PostId]
    ) -> None:
        """Add to `found` the authors above `below`, which is `height` steps above `reply`."""
        author = reply.id[1]
        already = self._known.noticed.get(reply.id, ()) if reply.id not in self._forgotten else ()
        parent = below.parent
        while parent is not None and (height := height + 1) < NOTICE_HEIGHT:
            ancestor = self._find(parent)
            if ancestor is None:
                return
            recipient = parent[1]
            if recipient != author and recipient not in found and recipient not in already:
                found[recipient] = Notice(
                    recipient,
                    reply.sort_at,
                    author,
                    notices.REPLY,
                    POST,
                    reply.id[0],
                    POST,
                    parent[0],
                    recipient,
                )
            if parent in hidden:
                return
            parent = ancestor.parent

    def _notify_for_descendants(self, new: NewPost, post: Post) -> None:
        """`post` came after replies to it: they notify its author and upwards, as they would have in order."""
        hidden = self._hidden(new)
        level = [(child, [child]) for child in self._replies(post.id)]
        seen = {post.id}
        for height in range(1, NOTICE_HEIGHT):
            following = []
            for id_, path in level:
                reply = self._find(id_)
                above = post.id if len(path) == 1 else path[-2]
                if reply is None or id_ in seen or reply.parent != above:
                    continue  # gone, seen, or since the link was read changed to reply to another
                seen.add(id_)
                if not reply.flags & VIOLATES_THREADGATE and hidden.isdisjoint(path[:-1]):
                    found = self._notices.setdefault(id_, {})
                    # from the child of `post` upwards: its parent is `post`
                    child = self._find(path[0])
                    if child is not None:
                        self._notify_ancestors(reply, child, height - 1, found, hidden)
                    if not found:
                        del self._notices[id_]
                following += [(child_id, [*path, child_id]) for child_id in self._replies(id_)]
            level = following

    def _replies(self, id_: PostId) -> list[PostId]:
        return [*self._known.children.get(id_, ()), *self._children.get(id_, ())]

    def _hidden(self, new: NewPost) -> frozenset[PostId]:
        gate = self._known.thread_gates.at(new.thread_gate, new.place)
        return gate.hidden if isinstance(gate, ThreadGate) else frozenset()
