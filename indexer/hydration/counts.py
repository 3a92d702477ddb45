"""The counts that a page needs: out of the cache, and from Postgres where the cache has none or may not be asked.

Owns the choice, and that what was missing is filled. Which counts are believed is the cache's to say.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any, Final, Generic

from indexer.cache import counts
from indexer.cache.counts import CountReader, Found, Kind, S, Values
from indexer.store.reads.database import Database
from indexer.store.reads.keys import Key


@dataclass(frozen=True)
class Counted(Generic[S]):
    """Posts or accounts: how they stand in the cache, and the question to Postgres with a list for each argument."""

    kind: Kind[S]
    question: str
    arguments: int

    def columns(self, subjects: list[S]) -> Iterable[list[Any]]:
        """The question's arguments."""
        return [subjects] if self.arguments == 1 else map(list, zip(*subjects, strict=True))

    def subject(self, row: Any) -> Any:
        """The subject of a row, whose columns begin with it."""
        return row[0] if self.arguments == 1 else tuple(row[: self.arguments])


POSTS: Final[Counted[Key]] = Counted(counts.POSTS, "post_counts", 2)
ACTORS: Final[Counted[int]] = Counted(counts.ACTORS, "actor_counts", 1)


class PageCounts(Generic[S]):
    """The counts of one page's posts, or accounts. `reader`: None where the cache may not be asked."""

    def __init__(self, database: Database, reader: CountReader | None, of: Counted[S]) -> None:
        self._database = database
        self._reader = reader
        self._of = of
        self._asked: set[S] = set()
        self._found: list[Found[S]] = []

    async def look_up(self, subjects: Collection[S]) -> None:
        """Ask the cache; it may have to be known only later which of them are shown."""
        if self._reader is not None and subjects:
            self._asked.update(subjects)
            self._found.append(await self._reader.read(self._of.kind, subjects))

    async def of(self, subjects: Collection[S]) -> dict[S, Values]:
        """The counts of each of the subjects. Raises StoreError."""
        await self.look_up([subject for subject in subjects if subject not in self._asked])
        values: dict[S, Values] = {}
        for found in self._found:
            values.update(found.values)
        missing = [subject for subject in subjects if subject not in values]
        if missing:
            read = dict.fromkeys(missing, (0,) * len(self._of.kind.counts))
            for row in await self._database.rows(self._of.question, *self._of.columns(missing)):
                read[self._of.subject(row)] = tuple(row[self._of.arguments :])
            values.update(read)
            for found in self._found:
                if self._reader is not None and found.claim is not None:
                    self._reader.fill(self._of.kind, found.claim, read)
        return values
