"""Everything that a viewer did and that others did to the viewer, as far as it is little: read in one question each.

Whoever opens a profile or a post for the first time has, as a rule, nothing to do with it. Where all that a viewer has
to do with anybody is known, nothing need be asked to know that. Viewers with more than MOST of something are asked
for account by account and post by post.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final, Generic, TypeVar

import msgspec

from indexer.hydration.rows import ABSENT, ViewerRows, relation_subjects
from indexer.hydration.state import STRANGER_JSON, Key, Post, PostMarks, Relation
from indexer.store.reads.database import Database
from indexer.store.reads.keys import KeyBook
from indexer.store.reads.together import Together

MOST: Final = 400
"""So many follows, followers, likes, ... are read at once."""

REMEMBERED: Final = 100_000
"""So many viewers are remembered to have more."""

T = TypeVar("T")


class OwnRelations(msgspec.Struct, gc=False):
    """Of one viewer to everybody. `token`: the count of messages before it was read."""

    viewer: int
    token: int
    relations: dict[int, Relation]
    follows: frozenset[int]
    subscriptions: dict[int, tuple[bool, bool]]

    def relation(self, kept: ViewerRows, actor: int) -> Relation | None:
        """To one account; None where it has to be asked for: something changed, or lists could be in it."""
        row = kept.book.actors.get(actor)
        if row is None or row is ABSENT or row.blocks_lists:
            return None
        if not kept.book.holds(self.token, relation_subjects(self.viewer, actor, ())):
            return None
        found = self.relations.get(actor)
        return Relation(actor, json=STRANGER_JSON) if found is None else found


class OwnMarks(msgspec.Struct, gc=False):
    """What one viewer has put on posts."""

    likes: dict[Key, int]
    reposts: dict[Key, int]
    bookmarks: set[Key]
    muted_threads: set[Key]

    def on(self, post: Post) -> PostMarks | None:
        """On one post; None where there is nothing."""
        found = self.of_key(post.key)
        if post.root in self.muted_threads:
            found = PostMarks(*post.key) if found is None else found
            found.thread_muted = True
        return found

    def of_key(self, key: Key) -> PostMarks | None:
        """The same where the viewer has muted no thread: then the post itself need not be known."""
        like, repost, bookmarked = self.likes.get(key), self.reposts.get(key), key in self.bookmarks
        if like is None and repost is None and not bookmarked:
            return None
        return PostMarks(*key, like, repost, bookmarked)


class Own:
    """Reads them, and keeps them beside what else is kept for the viewer at a version."""

    def __init__(self, database: Database, keys: KeyBook) -> None:
        self._database = database
        self._keys = keys
        self._relations = _Small(self._read_relations)
        self._marks = _Small(self._read_marks)

    async def relations(self, kept: ViewerRows, viewer: int) -> OwnRelations | None:
        """The viewer's relations; None where there are too many."""
        if kept.own_relations is None:
            token = kept.book.messages
            found = await self._relations.of(viewer)
            if found is None:
                return None
            found.token = token
            kept.own_relations = found
            kept.grew(_ENTRY_BYTES * len(found.relations))
        own: OwnRelations = kept.own_relations
        return own

    async def marks(self, kept: ViewerRows, viewer: int) -> OwnMarks | None:
        """The viewer's marks; None where there are too many."""
        if kept.own_marks is None:
            found = await self._marks.of(viewer)
            if found is None:
                return None
            kept.own_marks = found
            kept.grew(_ENTRY_BYTES * (len(found.likes) + len(found.reposts) + len(found.bookmarks)))
        own: OwnMarks = kept.own_marks
        return own

    async def _read_relations(self, viewers: Sequence[int]) -> dict[int, OwnRelations]:
        found: dict[int, OwnRelations] = {}
        rare: set[int] = set()
        for row in await self._database.rows("own_relations", viewers, MOST):
            viewer, *columns, by_lists = row
            if by_lists or any(len(column) >= 2 * MOST for column in columns):
                continue
            following, followed_by, blocking, blocked_by, mutes, subscriptions = map(_pairs, columns)
            relations: dict[int, Relation] = {}
            for name, pairs in (
                ("following", following),
                ("followed_by", followed_by),
                ("blocking", blocking),
                ("blocked_by", blocked_by),
            ):
                for actor, key in pairs:
                    if actor != viewer:
                        setattr(relations.setdefault(actor, Relation(actor)), name, key)
                        if key < 0:
                            rare.add(key)
            for actor, what in mutes:
                relation = relations.setdefault(actor, Relation(actor))
                relation.muted = what == 0
                relation.muted_only_reposts, relation.muted_only_quotes = bool(what & 1), bool(what & 2)
            found[viewer] = OwnRelations(
                viewer,
                0,
                relations,
                frozenset(columns[0][::2]),
                {actor: (bool(what & 1), bool(what & 2)) for actor, what in subscriptions},
            )
        await self._keys.learn_rare(rare)
        return found

    async def _read_marks(self, viewers: Sequence[int]) -> dict[int, OwnMarks]:
        found: dict[int, OwnMarks] = {}
        rare: set[int] = set()
        for viewer, likes, reposts, bookmarks, threads in await self._database.rows(
            "own_marks", viewers, MOST
        ):
            if max(len(likes) // 3, len(reposts) // 3, len(bookmarks) // 2, len(threads) // 2) >= MOST:
                continue
            own = OwnMarks(_edges(likes), _edges(reposts), set(_pairs(bookmarks)), set(_pairs(threads)))
            rare.update(key for key in (*likes[2::3], *reposts[2::3]) if key < 0)
            found[viewer] = own
        await self._keys.learn_rare(rare)
        return found


_ENTRY_BYTES: Final = 250


class _Small(Generic[T]):
    """Something of viewers that is only read where it is little: who is known to have more is not asked for again."""

    def __init__(self, read: Callable[[Sequence[int]], Awaitable[dict[int, T]]]) -> None:
        self._read = read
        self._more: set[int] = set()
        self._asked: Together[int, T | None] = Together(self._ask)

    async def of(self, viewer: int) -> T | None:
        return None if viewer in self._more else await self._asked.ask(viewer)

    async def _ask(self, viewers: list[int]) -> list[T | None]:
        found = await self._read(list(dict.fromkeys(viewers)))
        self._more.update(viewer for viewer in viewers if viewer not in found)
        if len(self._more) > REMEMBERED:
            self._more.clear()
        return [found.get(viewer) for viewer in viewers]


def _pairs(flat: list[int]) -> Iterable[tuple[int, int]]:
    return zip(flat[::2], flat[1::2], strict=True)


def _edges(flat: list[int]) -> dict[Key, int]:
    """Subjects and record keys, from a flat column of three."""
    return dict(zip(zip(flat[::3], flat[1::3], strict=True), flat[2::3], strict=True))
