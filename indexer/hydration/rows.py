"""Rows that an API worker keeps between requests, and how it knows that they still hold.

Posts, accounts and blocks between accounts are kept once for all viewers; what a viewer has to do with them is kept
per viewer. A row holds as long as no commit has touched what it was made of: the ingest process tells after each
commit what changed (indexer/cache/changes.py), and brings new counts along. The viewer's own doings are recognized by
a version, read anew for each request. While nobody tells of changes, nothing is kept.

Every row remembers how many messages had come before it was read; it holds while nothing that it depends on was named
in a later one. So a row that was read just before a commit, and put here just after its message, is never used.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from enum import Enum
from typing import Any, Final, Generic, TypeGuard, TypeVar

from indexer.cache.changes import Changes
from indexer.hydration.state import (
    Actor,
    Key,
    PairBlocks,
    Post,
    PostMarks,
    ProfileDetail,
    ProfileTies,
    Relation,
)
from indexer.store.reads.feeds import FeedItem

Version = tuple[int, ...]
"""What changes with every doing of the viewer: the revision of the repository, the count of private changes."""

Pair = tuple[int, int]


class Absent(Enum):
    """A row that is not kept. (None is kept: the database has no such row.)"""

    ABSENT = 0


ABSENT: Final = Absent.ABSENT

SETTLING_SECONDS: Final = 1.0
"""For so long after the viewer did something nothing kept is used: the commit's message may not have come yet, and an
answer that tells the new revision must show what came with it. Redis is given up after a fourth of that.
"""

_ROW_BYTES: Final = 400
"""About what a row takes besides its record."""

_AS_JSON: Final = 3
"""How many times its stored form a record takes as JSON, about; that is kept besides."""

K = TypeVar("K", bound=Hashable)
R = TypeVar("R")


def room_of(record: bytes | None) -> int:
    """About how many bytes a record takes that is kept, from its stored form."""
    return _AS_JSON * len(record or b"")


class RowBook:
    """Everything that a worker keeps: `limit` bytes for all viewers, `viewers_limit` for single ones, of whom those
    longest unseen are given up first.
    """

    def __init__(
        self,
        limit: int = 192 * 2**20,
        viewers_limit: int = 128 * 2**20,
        most_changes: int = 500_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._viewers_limit = viewers_limit
        self._most_changes = most_changes
        self._clock = clock
        self._viewers: OrderedDict[int | None, ViewerRows] = OrderedDict()
        self._changed: OrderedDict[Hashable, int] = OrderedDict()
        self._floor = 0
        self._viewers_size = 0
        self.messages = 0
        self.is_told = False
        self.posts: Rows[Key, Post] = Rows(self, limit * 7 // 24)
        self.actors: Rows[int, Actor] = Rows(self, limit // 8)
        self.details: Rows[int, ProfileDetail] = Rows(self, limit // 24)
        self.pairs: Rows[Pair, PairBlocks] = Rows(self, limit // 12)
        self.items: Rows[bytes, FeedItem] = Rows(self, limit // 12)
        self.root_likes: Rows[Key, int] = Rows(self, limit // 24)
        self.pages: Rows[Hashable, Any] = Rows(self, limit // 12)  # of authors' feeds; threads
        self.templates: Rows[Hashable, Any] = Rows(self, limit // 4)

    def _kinds(self) -> tuple[Rows[Any, Any], ...]:
        return (
            self.posts,
            self.actors,
            self.details,
            self.pairs,
            self.items,
            self.root_likes,
            self.pages,
            self.templates,
        )

    def lookups(self) -> dict[tuple[str, str], int]:
        """How often a row that is kept for all viewers was wanted: (kind, "hit" or "miss") -> times."""
        kinds: dict[str, Rows[Any, Any]] = {
            "posts": self.posts,
            "accounts": self.actors,
            "feed_items": self.items,
            "templates": self.templates,
        }
        return {
            (kind, outcome): count
            for kind, rows in kinds.items()
            for outcome, count in (("hit", rows.hits), ("miss", rows.misses))
        }

    def begin(self) -> None:
        """From now on every change is told; what was kept before is void."""
        self.messages += 1
        self._floor = self.messages
        self._viewers.clear()
        self._changed.clear()
        self._viewers_size = 0
        for rows in self._kinds():
            rows.clear()
        self.is_told = True

    def end(self) -> None:
        """Changes are no longer told."""
        self.is_told = False

    def hear(self, changes: Changes) -> None:
        """A message: what it names holds no longer, and counts have new values."""
        if changes.everything:
            self.begin()
            return
        self.changed(_subjects(changes))
        for key, actor, likes, reposts, replies, quotes in changes.counts:
            post = self.posts.current((key, actor))
            if post is not None:
                post.likes, post.reposts, post.replies, post.quotes = likes, reposts, replies, quotes

    def changed(self, subjects: Iterable[Hashable]) -> None:
        """The rows of these subjects hold no longer."""
        self.messages += 1
        for subject in subjects:
            self._changed[subject] = self.messages
            self._changed.move_to_end(subject)
        while len(self._changed) > self._most_changes:
            _, self._floor = self._changed.popitem(last=False)

    def holds(self, token: int, subjects: Iterable[Hashable]) -> bool:
        """Whether none of the subjects changed since `token` was the count of messages."""
        if token < self._floor:
            return False
        changed = self._changed
        for subject in subjects:  # noqa: SIM110 -- a generator costs more than what it asks
            if changed.get(subject, 0) > token:
                return False
        return True

    def of(self, viewer: int | None, version: Version | None) -> ViewerRows | None:
        """What is kept for a viewer who is at `version`; None where nothing kept may be used."""
        if not self.is_told or version is None:
            return None
        found = self._viewers.get(viewer)
        if found is None or found.version != version:
            settled = 0.0
            if found is not None:
                settled = self._clock() + SETTLING_SECONDS
            found = self._viewers[viewer] = ViewerRows(self, version, settled)
        self._viewers.move_to_end(viewer)
        return found if found.settled <= self._clock() else None

    def grew(self, size: int) -> None:
        """Note that something was put for one viewer, and give up viewers if that was too much."""
        self._viewers_size += size
        if self._viewers_size > self._viewers_limit:
            sizes = {viewer: rows.size for viewer, rows in self._viewers.items()}
            self._viewers_size = sum(sizes.values())
            while self._viewers_size > self._viewers_limit * 3 // 4 and len(self._viewers) > 1:
                viewer, _ = self._viewers.popitem(last=False)
                self._viewers_size -= sizes[viewer]


class Rows(Generic[K, R]):
    """Rows of one kind; past `limit` bytes the older half is forgotten. With a limit of 0 the book bounds them."""

    __slots__ = ("_book", "_limit", "_rows", "_size", "hits", "misses")

    def __init__(self, book: RowBook, limit: int = 0) -> None:
        self._book = book
        self._limit = limit
        self._size = 0
        self._rows: dict[K, list[Any]] = {}
        self.hits = self.misses = 0

    @property
    def size(self) -> int:
        """About how many bytes are kept."""
        return self._size

    def get(self, key: K) -> R | Absent | None:
        """The row, None if there is known to be none, ABSENT if it is not kept or holds no longer."""
        found = self._rows.get(key)
        if found is None:
            self.misses += 1
            return ABSENT
        book = self._book
        if found[0] != book.messages:
            if not book.holds(found[0], found[1]):
                del self._rows[key]
                self._size -= found[3]
                self.misses += 1
                return ABSENT
            found[0] = book.messages
        self.hits += 1
        row: R | None = found[2]
        return row

    def subjects(self, key: K) -> tuple[Hashable, ...]:
        """What a row that is kept depends on."""
        subjects: tuple[Hashable, ...] = self._rows[key][1]
        return subjects

    def current(self, key: K) -> R | None:
        """The row for the writer of a message to bring up to date; it holds after the message as well."""
        found = self._rows.get(key)
        if found is None or not self._book.holds(found[0], found[1][:1]):
            return None
        found[0] = self._book.messages
        row: R | None = found[2]
        return row

    def put(self, key: K, row: R | None, token: int, subjects: tuple[Hashable, ...], size: int = 0) -> None:
        """Keep a row that was read after `token` was the count of messages, and depends on these subjects.

        `size`: bytes that it takes beyond the usual.
        """
        size += _ROW_BYTES
        before = self._rows.get(key)
        if before is not None:
            self._size -= before[3]
        if not self._limit:
            self._book.grew(size)
        self._rows[key] = [token, subjects, row, size]
        self._size += size
        if self._limit and self._size > self._limit:
            self._rows = dict(list(self._rows.items())[len(self._rows) // 2 :])
            self._size = sum(entry[3] for entry in self._rows.values())

    def clear(self) -> None:
        """Forget everything."""
        self._rows.clear()
        self._size = 0


class ViewerRows:
    """What is kept for one viewer at one version, beside `book`, which is for all."""

    __slots__ = (
        "book",
        "marks",
        "own_marks",
        "own_relations",
        "own_size",
        "relations",
        "settled",
        "ties",
        "version",
        "views",
    )

    def __init__(self, book: RowBook, version: Version, settled: float) -> None:
        self.book = book
        self.version = version
        self.settled = settled
        self.marks: Rows[Key, PostMarks] = Rows(book)
        self.relations: Rows[int, Relation] = Rows(book)
        self.ties: Rows[int, ProfileTies] = Rows(book)
        self.own_relations: Any = None  # see own.py
        self.own_marks: Any = None
        self.own_size = 0
        self.views: Rows[Hashable, Any] = Rows(book)

    @property
    def size(self) -> int:
        """About how many bytes are kept."""
        return self.marks.size + self.relations.size + self.ties.size + self.views.size + self.own_size

    def grew(self, size: int) -> None:
        """Note that something of so many bytes is kept beside rows."""
        self.own_size += size
        self.book.grew(size)


# --- what rows depend on. An account: its id; a post: its key -------------------------------------------------------


def is_post(subject: Hashable) -> TypeGuard[Key]:
    """Whether a subject is a post's key."""
    return isinstance(subject, tuple) and isinstance(subject[0], int)


def _subjects(changes: Changes) -> Iterable[Hashable]:
    """Everything that a message names, as subjects."""
    yield from changes.posts
    yield from changes.accounts
    for one, other in changes.pairs:
        yield pair_subject(one, other)
    for owner in changes.list_owners:
        yield lists_subject(owner)
    for repost in changes.reposts:
        yield ("repost", *repost)
        yield feed_subject(repost[1])
    for _, actor in changes.posts:
        yield feed_subject(actor)
    for actor in changes.notified:
        yield notices_subject(actor)
    for key, actor, *_ in changes.counts:
        yield counts_subject((key, actor))
        yield notices_subject(actor)
    for actor in changes.actor_counts:
        yield actor_counts_subject(actor)


def pair_subject(one: int, other: int) -> Hashable:
    """The relation of two accounts."""
    return ("pair", one, other) if one < other else ("pair", other, one)


def lists_subject(owner: int) -> Hashable:
    """The lists of an account, and who is on them."""
    return ("lists", owner)


def feed_subject(actor: int) -> Hashable:
    """Which posts and reposts an account has."""
    return ("feed", actor)


def repost_subject(key: int, actor: int) -> Hashable:
    return ("repost", key, actor)


def notices_subject(actor: int) -> Hashable:
    """What others did that concerns an account."""
    return ("notices", actor)


def counts_subject(post: Key) -> Hashable:
    """The counts of a post."""
    return ("counts", *post)


def actor_counts_subject(actor: int) -> Hashable:
    """The counts of an account."""
    return ("counts", actor)


def relation_subjects(viewer: int, actor: int, list_owners: Iterable[int]) -> tuple[Hashable, ...]:
    """What the relation of a viewer to an account depends on, beside the viewer's own doings."""
    return (pair_subject(viewer, actor), actor, *map(lists_subject, list_owners))


def pair_subjects(pair: Pair, list_owners: Iterable[int]) -> tuple[Hashable, ...]:
    """What blocks between two accounts depend on."""
    return (pair_subject(*pair), *pair, *map(lists_subject, list_owners))
