"""Fan-out on write: which cached home timelines a committed feed item belongs to.

Owns the index from an author to the timelines that show the author, and the items not yet sent. To whom an item goes is
settled when it is sent: a commit only puts it into a queue, however many follow its author. Pure: it knows neither
Redis nor Postgres; `writer.py` moves what it says.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

MOST_ADDRESSES = 250
"""Timelines that one command changes: for so long Redis answers nobody else (1 to 4 ms)."""

MAX_UNREAD_ITEMS = 400
"""A timeline that was sent so many items since it was last read is given up: nobody looks at it."""

MOST_WAITING_ITEMS = 100
"""So many items a timeline may wait while the stream is caught up with. Adding one takes some 10 us (mostly of Redis),
reading a timeline from Postgres 5 ms, and after a long pause many timelines are not read again soon.
"""

ROUND = 100
"""In so many looks at the timelines that nobody reads every timeline is looked at once."""


@dataclass(slots=True)
class Watch:
    """One cached timeline: where it is, whom it shows, what has happened since its last read."""

    address: bytes
    authors: array[int]
    last_read: float
    since: int
    posted: int = 0


class Spread(NamedTuple):
    """An item, and the addresses of timelines that gain it, or lose it where sort_at (ms) is None."""

    addresses: list[bytes]
    member: bytes
    sort_at: int | None


@dataclass(slots=True)
class _Item:
    """An item on its way to about `reach` timelines.

    `left`: the addresses that it has still to go to, once it is known that they are many.
    """

    author: int
    number: int
    member: bytes
    sort_at: int | None
    reach: int
    left: list[bytes] | None = None


class FanOut:
    """The cached timelines and the items waiting for them. Viewers and authors are actor ids."""

    def __init__(self) -> None:
        self._watches: dict[int, Watch] = {}
        self._watch_at: dict[bytes, Watch] = {}
        self._addresses_of: dict[int, list[bytes]] = {}
        self._posted: dict[int, int] = {}
        self._waiting: deque[_Item] = deque()
        self._items = 0
        self.reach = 0  # of all that waits
        self._latest_since = 0
        self._round: Iterator[int] = iter(())

    def __len__(self) -> int:
        return len(self._watches)

    def __contains__(self, viewer: int) -> bool:
        return viewer in self._watches

    @property
    def viewers(self) -> list[int]:
        """Whose timelines are cached."""
        return list(self._watches)

    def watch(self, viewer: int, address: bytes, follows: Iterable[int], now: float) -> None:
        """Send what `follows` and the viewer post from now on to `address`. `now` in seconds of any steady clock."""
        self.forget(viewer)
        authors = array("q", {*follows, viewer})
        watch = self._watches[viewer] = self._watch_at[address] = Watch(address, authors, now, self._items)
        self._latest_since = self._items
        for author in authors:
            self._addresses_of.setdefault(author, []).append(address)
        watch.posted = self._posted_by(watch)

    def forget(self, viewer: int) -> bool:
        """Stop sending to `viewer`; whether it was watched."""
        watch = self._watches.pop(viewer, None)
        if watch is None:
            return False
        del self._watch_at[watch.address]
        for author in watch.authors:
            addresses = self._addresses_of[author]
            addresses.remove(watch.address)
            if not addresses:
                del self._addresses_of[author]
                self._posted.pop(author, None)
        return True

    def read(self, viewer: int, now: float) -> bool:
        """Note that `viewer` has read its timeline; whether it is watched."""
        watch = self._watches.get(viewer)
        if watch is None:
            return False
        watch.last_read = now
        watch.posted = self._posted_by(watch)
        return True

    def _posted_by(self, watch: Watch) -> int:
        """How many items the timeline's authors have posted, since they are watched."""
        posted = self._posted
        return sum(posted.get(author, 0) for author in watch.authors)

    def is_watched_author(self, author: int) -> bool:
        return author in self._addresses_of

    def add(self, author: int, member: bytes, sort_at: int) -> None:
        """A feed item of `author` was committed."""
        if self._queue(author, member, sort_at):
            self._posted[author] = self._posted.get(author, 0) + 1

    def remove(self, author: int, member: bytes) -> None:
        """A feed item of `author` was deleted."""
        self._queue(author, member, None)

    def _queue(self, author: int, member: bytes, sort_at: int | None) -> bool:
        self._items += 1
        addresses = self._addresses_of.get(author)
        if addresses is None:
            return False
        self._waiting.append(_Item(author, self._items, member, sort_at, len(addresses)))
        self.reach += len(addresses)
        return True

    @property
    def is_too_much(self) -> bool:
        """Whether so much waits that the timelines are cheaper read anew, when somebody wants them."""
        return self.reach > MOST_WAITING_ITEMS * len(self._watches)

    @property
    def is_waiting(self) -> bool:
        """Whether there are items to send."""
        return bool(self._waiting)

    def take(self, most: int) -> list[Spread]:
        """Items to send now, in the order in which they came: to about `most` timelines together, more for the last."""
        spreads: list[Spread] = []
        while self._waiting and most > 0:
            item = self._waiting[0]
            addresses = item.left if item.left is not None else self._addresses_of.get(item.author, [])
            part = addresses[:MOST_ADDRESSES]
            if item.left is not None or item.number <= self._latest_since:
                # who is watched anew since then may not follow the author any more, and has read the item itself
                part = [address for address in part if self._still_lacks(address, item.number)]
            if part:
                spreads.append(Spread(part, item.member, item.sort_at))
                most -= len(part)
            if len(addresses) <= MOST_ADDRESSES:
                self._waiting.popleft()
                self.reach -= item.reach
            elif item.left is None:
                item.left = addresses[MOST_ADDRESSES:]
            else:
                del item.left[:MOST_ADDRESSES]
        return spreads

    def _still_lacks(self, address: bytes, number: int) -> bool:
        watch = self._watch_at.get(address)
        return watch is not None and watch.since < number

    def unread(self, before: float) -> list[int]:
        """Viewers whose timelines are not worth keeping: last read before `before`, or sent too much since. With each
        call a part of all timelines is looked at.
        """
        part = list(islice(self._round, len(self._watches) // ROUND + 1))
        if not part:
            self._round = iter(self.viewers)
        return [
            viewer
            for viewer, watch in ((viewer, self._watches.get(viewer)) for viewer in part)
            if watch is not None
            and (watch.last_read < before or self._posted_by(watch) - watch.posted > MAX_UNREAD_ITEMS)
        ]

    def clear(self) -> None:
        """Forget every timeline."""
        self._watches.clear()
        self._watch_at.clear()
        self._addresses_of.clear()
        self._posted.clear()
        self._waiting.clear()
        self.reach = 0
