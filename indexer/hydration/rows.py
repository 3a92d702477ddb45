"""Rows that an API worker keeps between requests, and how it knows that they still hold.

A row is kept per viewer, as it was read: with the viewer's own marks on it. It holds as long as no commit has touched
what it was made of: the ingest process tells after each commit what changed (indexer/cache/changes.py). The viewer's
own doings are recognized by a version, read anew for each request. While nobody tells of changes, nothing is kept.

Every row remembers how many messages had come before it was read; it holds while nothing that it depends on was named
in a later one. So a row that was read just before a commit, and put here just after its message, is never used.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterable
from enum import Enum
from itertools import chain
from typing import Final, Generic, TypeVar

from indexer.cache.changes import Changes
from indexer.hydration.state import Actor, Key, Post

Version = tuple[int, ...]
"""What changes with every doing of the viewer: the revision of the repository, the count of private changes."""

Pair = tuple[int, int]
PairBlocks = tuple[bool, list[int]]


class Absent(Enum):
    """A row that is not kept. (None is kept: the database has no such row.)"""

    ABSENT = 0


ABSENT: Final = Absent.ABSENT

LISTS: Final = "lists"
"""What every row with a relation through moderation lists depends on."""

K = TypeVar("K", bound=Hashable)
R = TypeVar("R")


class RowBook:
    """All kept rows of a worker, about `limit` at most; whole viewers are given up, the longest unseen first."""

    def __init__(self, limit: int = 150_000, most_changes: int = 500_000) -> None:
        self._limit = limit
        self._most_changes = most_changes
        self._viewers: OrderedDict[int | None, ViewerRows] = OrderedDict()
        self._changed: OrderedDict[Hashable, int] = OrderedDict()
        self._floor = 0
        self._kept = 0
        self.messages = 0
        self.is_told = False

    def begin(self) -> None:
        """From now on every change is told; what was kept before is void."""
        self.messages += 1
        self._floor = self.messages
        self._viewers.clear()
        self._changed.clear()
        self._kept = 0
        self.is_told = True

    def end(self) -> None:
        """Changes are no longer told."""
        self.is_told = False

    def hear(self, changes: Changes) -> None:
        """A message: what it names holds no longer."""
        if changes.everything:
            self.begin()
            return
        pairs = (pair_subject(one, other) for one, other in changes.pairs)
        self.changed(chain(changes.posts, changes.accounts, pairs, (LISTS,) if changes.lists else ()))

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
        return all(changed.get(subject, 0) <= token for subject in subjects)

    def of(self, viewer: int | None, version: Version | None) -> ViewerRows | None:
        """What is kept for a viewer who is at `version`; None where nothing may be kept."""
        if not self.is_told or version is None:
            return None
        found = self._viewers.get(viewer)
        if found is not None and found.version == version:
            self._viewers.move_to_end(viewer)
            return found
        if found is not None:
            self._kept -= len(found)
        found = self._viewers[viewer] = ViewerRows(self, version)
        self._viewers.move_to_end(viewer)
        return found

    def grew(self, count: int) -> None:
        """Note that rows were put, and give up viewers if that was too many."""
        self._kept += count
        while self._kept > self._limit and len(self._viewers) > 1:
            _, oldest = self._viewers.popitem(last=False)
            self._kept -= len(oldest)


class Rows(Generic[K, R]):
    """Rows of one kind, of one viewer."""

    __slots__ = ("_book", "_rows")

    def __init__(self, book: RowBook) -> None:
        self._book = book
        self._rows: dict[K, tuple[int, tuple[Hashable, ...], R | None]] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def get(self, key: K) -> R | Absent | None:
        """The row, None if there is known to be none, ABSENT if it is not kept or holds no longer."""
        found = self._rows.get(key)
        if found is not None and self._book.holds(found[0], found[1]):
            return found[2]
        return ABSENT

    def put(self, key: K, row: R | None, token: int, subjects: tuple[Hashable, ...]) -> None:
        """Keep a row that was read after `token` was the count of messages, and depends on these subjects."""
        if key not in self._rows:
            self._book.grew(1)
        self._rows[key] = (token, subjects, row)


class ViewerRows:
    """What is kept for one viewer at one version."""

    __slots__ = ("actors", "pairs", "posts", "version")

    def __init__(self, book: RowBook, version: Version) -> None:
        self.version = version
        self.posts: Rows[Key, Post] = Rows(book)
        self.actors: Rows[int, Actor] = Rows(book)
        self.pairs: Rows[Pair, PairBlocks] = Rows(book)

    def __len__(self) -> int:
        return len(self.posts) + len(self.actors) + len(self.pairs)


# --- what a row depends on; a post's row on its key ----------------------------------------------------------------


def actor_subjects(viewer: int | None, actor: int) -> tuple[Hashable, ...]:
    """What an account's row with the viewer's relation to it depends on."""
    return (actor,) if viewer is None else (actor, pair_subject(viewer, actor), LISTS)


def pair_subject(one: int, other: int) -> Hashable:
    """The relation of two accounts."""
    return ("pair", one, other) if one < other else ("pair", other, one)
