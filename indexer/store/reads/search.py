"""Finding accounts: by parts of their names, and by whom one's follows follow."""

from __future__ import annotations

from typing import NamedTuple

from indexer.records.words import normal
from indexer.store.reads.cursors import Cursor
from indexer.store.reads.database import Database
from indexer.store.reads.keys import KeyBook

#: Shorter terms are looked for at the beginnings of names only: no index helps to find them elsewhere.
_SHORTEST_PART = 3


class FoundActor(NamedTuple):
    """An account with its place among those found."""

    id: int
    sort_at: int
    place: str


class Search:
    """Reads them."""

    def __init__(self, database: Database, keys: KeyBook) -> None:
        self._database = database
        self._keys = keys

    async def actors(
        self, term: str, cursor: Cursor | None, limit: int, *, looked_at: int = 1_000
    ) -> tuple[list[int], str | None]:
        """A page of the accounts whose handle or display name holds `term`, and the cursor after it.

        So many of the most followed accounts, and of those that hold it, are looked at.

        An exact handle comes first, then names that begin with the term, the most followed first, then the others.
        """
        term = " ".join(normal(term.strip().removeprefix("@")).split())
        before = (None, None) if cursor is None else (cursor.time, cursor.place)
        if term:
            escaped = term.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
            anywhere, beginning = f"%{escaped}%", f"% {escaped}%"
            looked_for = beginning if len(term) < _SHORTEST_PART else anywhere
            rows = await self._database.rows(
                "actor_search", anywhere, beginning, looked_for, *before, limit + 1, looked_at
            )
        else:
            rows = await self._database.rows("actors_newest", *before, limit + 1)
        found = [FoundActor(row["id"], row["place"], row["did"]) for row in rows]
        page = found[:limit]
        after = Cursor(page[-1].sort_at, page[-1].place).text() if len(found) > limit else None
        ids = [actor.id for actor in page]
        exact = (await self._keys.ids_of_handles([term])).get(term) if term else None
        if exact is not None and cursor is None:
            ids = [exact, *(actor for actor in ids if actor != exact)][:limit]
        return ids, after

    async def suggestions(self, viewer: int, offset: int, limit: int) -> list[int]:
        """Accounts that the viewer's follows follow, most often first, and that it does not follow yet."""
        return [row["actor"] for row in await self._database.rows("suggested_actors", viewer, offset, limit)]

    async def suggestions_by(self, viewer: int, actor: int, limit: int) -> list[int]:
        """Accounts that `actor` follows, the best known first, and that the viewer does not follow yet."""
        return [row["actor"] for row in await self._database.rows("suggested_by", viewer, actor, limit)]
