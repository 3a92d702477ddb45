"""Account ids and ids of rare record keys: found, or given out from blocks that this process owns.

Owns the tables `actor` and `rare_key` as far as their ids go. Ids are given out by the client because a lookup per
row in SQL
costs more than everything else about the row. New ids are committed in a short transaction of their own, ahead of
the rows that
use them: an id that is never used does no harm, and several processes can give out ids at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import asyncpg

from indexer.store.pool import store_errors
from indexer.store.sql import load

BLOCK = 1000
"""How many ids one value of the sequences stands for (their INCREMENT)."""


class KnownActor(NamedTuple):
    """What the database holds about an account that the stream refers to.

    rev: TID of its last applied commit, 0 if none was; data: digest of that commit's tree, None if unknown;
    state: 0 synchronized, 1 desynchronized, 2 resynchronizing; status: see `actor.status`;
    signing_key: 1 byte curve + 33 bytes compressed point, None if never resolved.
    """

    did: str
    id: int
    rev: int
    data: bytes | None
    state: int
    status: int
    status_at: int | None
    signing_key: bytes | None


class Interner:
    """Ids for DIDs and rare keys over one connection; not for concurrent use."""

    def __init__(self, connection: asyncpg.Connection[Any]) -> None:
        self._connection = connection
        self._actor_ids = _Block("actor_id_seq")
        self._key_ids = _Block("rare_key_seq")

    async def actors(self, dids: Sequence[str]) -> list[KnownActor]:
        """Return one KnownActor per DID of `dids` (distinct, any order), creating the unknown ones.

        Raises StoreError if the database cannot be asked.
        """
        if not dids:
            return []
        with store_errors("cannot look up accounts"):
            found = await self._known_actors(dids)
            while len(found) < len(dids):
                missing = [did for did in dids if did not in found]
                ids = await self._actor_ids.take(self._connection, len(missing))
                created = await self._connection.fetch(load("actor_create"), ids, missing)
                for id_, did in created:
                    found[did] = KnownActor(did, id_, 0, None, 0, 0, None, None)
                if len(created) < len(missing):  # another process was faster for some of them
                    found.update(await self._known_actors([did for did in missing if did not in found]))
        return [found[did] for did in dids]

    async def paths(self, paths: Sequence[str]) -> dict[str, int]:
        """Return the (negative) id of each "collection/rkey" in `paths`, creating the unknown ones.

        Raises StoreError if the database cannot be asked.
        """
        found: dict[str, int] = {}
        if not paths:
            return found
        with store_errors("cannot look up record keys"):
            found.update(await self._connection.fetch(load("rare_key_find"), list(paths)))
            while len(found) < len(paths):
                missing = [path for path in paths if path not in found]
                ids = [-id_ for id_ in await self._key_ids.take(self._connection, len(missing))]
                created = await self._connection.fetch(load("rare_key_create"), ids, missing)
                found.update((path, id_) for id_, path in created)
                if len(created) < len(missing):
                    found.update(await self._connection.fetch(load("rare_key_find"), missing))
        return found

    async def _known_actors(self, dids: Sequence[str]) -> dict[str, KnownActor]:
        rows = await self._connection.fetch(load("actor_find"), list(dids))
        return {row[0]: KnownActor(*row) for row in rows}


class _Block:
    """Ids of one sequence that this process took but did not give out yet."""

    def __init__(self, sequence: str) -> None:
        self._sequence = sequence
        self._next = 0
        self._left = 0

    async def take(self, connection: asyncpg.Connection[Any], count: int) -> list[int]:
        ids: list[int] = []
        while len(ids) < count:
            if not self._left:
                last = await connection.fetchval("SELECT nextval($1::regclass)", self._sequence)
                self._next, self._left = last, BLOCK
            part = min(self._left, count - len(ids))
            ids.extend(range(self._next, self._next + part))
            self._next += part
            self._left -= part
        return ids
