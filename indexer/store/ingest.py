"""What the ingest process asks of Postgres: ids, cursors, identities to look at, and the one writer.

Owns the connections of that process: two for the writer, one for ids (so that the next batch is interned
and staged while one is written), a small pool for everything that is asked now and then. Lives on one asyncio loop.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import asyncpg

from indexer.store import home, repositories
from indexer.store.batch import StoredBatch
from indexer.store.deltas import Deltas, Detail
from indexer.store.intern import Interner, KnownActor
from indexer.store.pool import WRITER_SETTINGS, connect, create_pool, store_errors
from indexer.store.sql import load
from indexer.store.writer import Writer
from indexer.sync.backfill import Listed, Position
from indexer.sync.refresh import Finding

DAY = 86_400_000
HOUR = 3_600_000
MINUTE = 60_000


class IngestStore:
    """The database as the ingest process sees it. Every method raises StoreError while it cannot be used."""

    def __init__(self, url: str, shard: str, *, search: bool = True) -> None:
        """`search`: leave word of changes for the search tables."""
        self._url = url
        self._search = search
        self._writer = Writer(url, shard=shard, search=search)
        self._interner: Interner | None = None
        self._intern_connection: asyncpg.Connection[Any] | None = None
        self._pool: asyncpg.Pool[Any] | None = None

    async def open(self) -> None:
        """Connect. Raises StoreError where the database cannot be used, SchemaTooNew where it is too new."""
        await self._writer.open()
        await self._writer.rehearse()
        self._pool = await create_pool(self._url, max_size=4, settings=WRITER_SETTINGS)

    async def close(self) -> None:
        await self._writer.close()
        if self._intern_connection is not None:
            self._intern_connection.terminate()
        if self._pool is not None:
            self._pool.terminate()

    async def cursor(self, upstream: str) -> int | None:
        """The sequence number of the last durable event of `upstream`."""
        found = await self._writer.cursor(upstream)
        return None if found is None else found[0]

    async def stage(self, batch: StoredBatch) -> None:
        """Stage the batch that is written next, perhaps while another one is; see Writer.stage."""
        await self._writer.stage(batch)

    async def apply(self, batch: StoredBatch, upstream: str, seq: int | None, *, detail: Detail) -> Deltas:
        """Write a batch in one transaction; see Writer.apply."""
        return await self._writer.apply(batch, upstream, seq, detail=detail)

    # --- ids -----------------------------------------------------------------------------------------------------

    async def actors(self, dids: Sequence[str]) -> list[KnownActor]:
        """What is known of the accounts; unknown ones get ids."""
        return await (await self._ids()).actors(dids)

    async def paths(self, paths: Sequence[str]) -> dict[str, int]:
        """The ids of rare record keys."""
        return await (await self._ids()).paths(paths)

    async def _ids(self) -> Interner:
        if self._interner is None or self._intern_connection is None or self._intern_connection.is_closed():
            self._intern_connection = await connect(self._url)
            self._interner = Interner(self._intern_connection)
        return self._interner

    # --- identities ----------------------------------------------------------------------------------------------

    async def identities_due(self, count: int) -> list[tuple[int, str]]:
        """Up to `count` accounts (id, DID) whose identity has to be looked at, the longest due first."""
        with store_errors("cannot look for identities that are due"):
            assert self._pool is not None
            rows = await self._pool.fetch(load("identity_due"), now(), count)
        return [(row[0], row[1]) for row in rows]

    async def save_identity(self, finding: Finding) -> None:
        """Keep what a look at an identity found.

        Where nobody answered, what was known stays, and the account is due again in a minute. A handle that
        was another account's is taken from it (reference AppView, indexHandle).
        """
        with store_errors("cannot save an identity"):
            assert self._pool is not None
            async with self._pool.acquire() as connection, connection.transaction():
                await connection.execute(load("identity_begin"))
                if not finding.is_final:
                    await connection.execute(load("identity_postpone"), finding.actor, now() + MINUTE)
                    return
                if finding.handle is not None:
                    await connection.execute(load("identity_take_handle"), finding.actor, finding.handle)
                due = now() + (HOUR if finding.handle is None else DAY)
                await connection.execute(
                    load("identity_save"),
                    finding.actor,
                    finding.handle,
                    finding.signing_key,
                    finding.pds,
                    now(),
                    due,
                )
                if self._search:
                    await connection.execute(load("search_enqueue_account"), finding.actor)

    # --- whole repositories --------------------------------------------------------------------------------------

    async def repository_records(self, actor: int) -> dict[str, bytes]:
        """The stored records of an account: "collection/rkey" -> digest of the CID."""
        assert self._pool is not None
        return await repositories.repository_records(self._pool, actor)

    async def waiting_repositories(self, limit: int) -> list[tuple[str, int]]:
        """Up to `limit` (DID, actor id) of repositories that are not synchronized."""
        assert self._pool is not None
        return await repositories.waiting_repositories(self._pool, limit)

    async def save_repository_state(self, actor: int, state: int) -> None:
        """Store the state of a repository."""
        assert self._pool is not None
        await repositories.save_repository_states(self._pool, [(actor, state)])

    async def position(self, host: str) -> Position:
        """How far the import of a host's repositories has come."""
        assert self._pool is not None
        return await repositories.backfill_position(self._pool, host)

    async def mark(self, host: str, page: Sequence[Listed], position: Position) -> list[tuple[str, int]]:
        """Mark a page of repositories to be fetched, as far as we lack them; see BackfillStore."""
        assert self._pool is not None
        revs = {listed.did: listed.rev for listed in page}
        known = {actor.id: actor.did for actor in await self.actors(list(revs))}
        ids = {actor: revs[did] for actor, did in known.items()}
        marked = await repositories.mark_repositories(self._pool, host, ids, position)
        return [(known[actor], actor) for actor in marked]

    # --- home timelines, for the cache ---------------------------------------------------------------------------

    async def follows(self, viewer: int) -> list[int]:
        """The ids of the accounts that `viewer` follows."""
        assert self._pool is not None
        return await home.follows(self._pool, viewer)

    async def timeline(self, viewer: int, count: int) -> home.HomeTimeline:
        """The newest `count` items of the viewer's home timeline."""
        assert self._pool is not None
        return await home.home_timeline(self._pool, viewer, count, now())


def now() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000
