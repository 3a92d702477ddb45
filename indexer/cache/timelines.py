"""Fan-out on write: which cached home timelines a committed feed item belongs to.

Owns the index from an author to the viewers whose timelines are cached, and the additions not yet sent. Pure: it knows
neither Redis nor Postgres; `writer.py` moves what it says.
"""

from __future__ import annotations

from array import array
from collections import defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice

WIDE = 1_000
"""An item for more timelines than this is spread over several slices, so that no commit waits for it."""

MAX_UNREAD_ITEMS = 400
"""A timeline that was sent so many items since it was last read is given up: nobody looks at it."""


@dataclass(slots=True)
class Watch:
    """One cached timeline: whom it shows, and what has happened since its last read."""

    authors: array[int]
    last_read: float
    since: int
    unread_items: int = 0


@dataclass(slots=True)
class Additions:
    """What one viewer's timeline gains and loses with the next flush; member -> sort_at (ms)."""

    added: dict[bytes, int] = field(default_factory=dict)
    removed: set[bytes] = field(default_factory=set)


@dataclass(slots=True)
class _WideItem:
    """An item on its way to many viewers, and how many of them have it. sort_at None: it was deleted."""

    viewers: array[int]
    number: int
    member: bytes
    sort_at: int | None
    done: int = 0


class FanOut:
    """The cached timelines and the changes waiting for them. Viewers and authors are actor ids."""

    def __init__(self) -> None:
        self._watches: dict[int, Watch] = {}
        self._viewers_of: dict[int, array[int]] = {}
        self._pending: defaultdict[int, Additions] = defaultdict(Additions)
        self._wide: deque[_WideItem] = deque()
        self._items = 0

    def __len__(self) -> int:
        return len(self._watches)

    def __contains__(self, viewer: int) -> bool:
        return viewer in self._watches

    def watch(self, viewer: int, follows: Iterable[int], now: float) -> None:
        """Send `viewer` what `follows` and the viewer post from now on. `now` in seconds of any steady clock."""
        self.forget(viewer)
        authors = array("q", {*follows, viewer})
        self._watches[viewer] = Watch(authors, now, self._items)
        for author in authors:
            viewers = self._viewers_of.get(author)
            if viewers is None:
                self._viewers_of[author] = array("q", (viewer,))
            else:
                viewers.append(viewer)

    def forget(self, viewer: int) -> bool:
        """Stop sending to `viewer`; whether it was watched."""
        watch = self._watches.pop(viewer, None)
        self._pending.pop(viewer, None)
        if watch is None:
            return False
        for author in watch.authors:
            viewers = self._viewers_of[author]
            viewers.remove(viewer)
            if not viewers:
                del self._viewers_of[author]
        return True

    def read(self, viewer: int, now: float) -> bool:
        """Note that `viewer` has read its timeline; whether it is watched."""
        watch = self._watches.get(viewer)
        if watch is None:
            return False
        watch.last_read = now
        watch.unread_items = 0
        return True

    def is_watched_author(self, author: int) -> bool:
        return author in self._viewers_of

    def add(self, author: int, member: bytes, sort_at: int) -> None:
        """A feed item of `author` was committed."""
        self._spread(author, member, sort_at)

    def remove(self, author: int, member: bytes) -> None:
        """A feed item of `author` was deleted."""
        self._spread(author, member, None)

    def _spread(self, author: int, member: bytes, sort_at: int | None) -> None:
        self._items += 1
        viewers = self._viewers_of.get(author)
        if viewers is None:
            return
        if len(viewers) > WIDE:
            self._wide.append(_WideItem(viewers[:], self._items, member, sort_at))
            return
        for viewer in viewers:
            self._note(viewer, member, sort_at)

    def _note(self, viewer: int, member: bytes, sort_at: int | None) -> None:
        change = self._pending[viewer]
        if sort_at is None:
            change.added.pop(member, None)
            change.removed.add(member)
        else:
            change.added[member] = sort_at
            change.removed.discard(member)
            self._watches[viewer].unread_items += 1

    @property
    def is_waiting(self) -> bool:
        """Whether there are changes to send."""
        return bool(self._pending or self._wide)

    def take(self, most: int) -> dict[int, Additions]:
        """Changes to send now, by viewer: those of `most` viewers at most, oldest first."""
        while self._wide and len(self._pending) < most:
            item = self._wide[0]
            part = item.viewers[item.done : item.done + most]
            item.done += len(part)
            if item.done == len(item.viewers):
                self._wide.popleft()
            for viewer in part:
                watch = self._watches.get(viewer)
                # who is watched anew since then may not follow the author any more, and has read the item itself
                if watch is not None and watch.since < item.number:
                    self._note(viewer, item.member, item.sort_at)
        return {viewer: self._pending.pop(viewer) for viewer in list(islice(self._pending, most))}

    def unread(self, before: float) -> list[int]:
        """Viewers whose timelines are not worth keeping: last read before `before`, or sent too much since."""
        return [
            viewer
            for viewer, watch in self._watches.items()
            if watch.last_read < before or watch.unread_items > MAX_UNREAD_ITEMS
        ]

    def clear(self) -> None:
        """Forget every timeline."""
        self._watches.clear()
        self._viewers_of.clear()
        self._pending.clear()
        self._wide.clear()
