"""One of the writer's sessions: its connection, its staging tables, and the transaction in which a batch is staged.

The writer has two, so that a batch's rows are copied while the batch before it is written. What is staged depends on
nothing that is stored, takes no lock that another session could wait for, and is gone with the transaction: a crash
leaves nothing behind. Owns how rows come into the staging tables; knows nothing of what becomes of them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg

from indexer.records.collections import POST
from indexer.records.threads import NewPost
from indexer.store.batch import PLACE, RecordOp, StoredBatch
from indexer.store.edges import EDGES
from indexer.store.functions import definitions
from indexer.store.migrate import check_schema
from indexer.store.pool import connect, store_errors
from indexer.store.posts import staged_posts
from indexer.store.records import StagedRecords, stage_records
from indexer.store.sql import load

_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER = b"\xff\xff"
_COPIED = 1 << 18
"""Bytes that are handed to the driver at once: it makes another copy of them."""
_PLANNED_FOR = 1 << 14
"""After so many records, and whenever they have doubled since, a session's plans are made anew."""


@dataclass(frozen=True, slots=True)
class Staged:
    """A batch whose rows are in the staging tables of `connection`, inside a transaction.

    touched, deleted: (wave, kind) with creations, and with deletions. posts, record_ops: of all waves, in stream order.
    records: what is made of the ops.
    """

    connection: asyncpg.Connection[Any]
    batch: StoredBatch
    touched: set[tuple[int, int]]
    deleted: set[tuple[int, int]]
    posts: Sequence[NewPost]
    record_ops: Sequence[RecordOp]
    records: StagedRecords


class Session:
    """Stages one batch at a time. Not for concurrent use."""

    def __init__(self, url: str, writer: UUID) -> None:
        """`writer`: the id under which the writer finds its durable batches."""
        self._url = url
        self._writer = writer
        self._connection: asyncpg.Connection[Any] | None = None
        self._batch: StoredBatch | None = None
        self._staged: Staged | None = None
        self._transaction = AsyncExitStack()
        self._written = 0

    @property
    def batch(self) -> StoredBatch | None:
        """The batch that is staged, being staged or being written here."""
        return self._batch

    async def connected(self) -> asyncpg.Connection[Any]:
        """Return the connection, made anew where there is none.

        Raises StoreError if the database cannot be used or is not migrated, SchemaTooNew if it is too new.
        """
        if self._connection is None or self._connection.is_closed():
            connection = await connect(self._url)
            try:
                with store_errors("cannot prepare the writer's session"):
                    await check_schema(connection)
                    await connection.execute(load("stage"))
                    await connection.execute(definitions())
                    await connection.execute(load("last_batch_open"), self._writer)
            except BaseException:
                connection.terminate()
                raise
            self._connection, self._written = connection, 0
        return self._connection

    async def close(self) -> None:
        """Give the connection up; an open transaction is rolled back."""
        if self._connection is not None and not self._connection.is_closed():
            self._connection.terminate()
        self._connection = self._batch = self._staged = None
        self._transaction = AsyncExitStack()

    def holds(self, batch: StoredBatch) -> bool:
        """Whether `batch` is staged here and its transaction still open."""
        return (
            self._staged is not None
            and self._staged.batch is batch
            and not self._staged.connection.is_closed()
        )

    async def stage(self, batch: StoredBatch) -> None:
        """Begin a transaction and copy the batch's rows into the staging tables; whatever was staged here is dropped.

        Raises StoreError, or asyncpg's PostgresError, and has then given its connection up.
        """
        if self._batch is not None:
            await self.close()
        self._batch = batch
        try:
            with store_errors("cannot stage a batch"):
                connection = await self.connected()
                await self._transaction.enter_async_context(connection.transaction())
                self._staged = await _stage(connection, batch)
        except BaseException:
            await self.close()
            raise

    async def written(self) -> None:
        """Note that the staged batch is written. Plans made for empty tables may read large ones whole: they are made
        anew as the records that this session wrote double. (Not as its batches do: planning costs as much as some
        hundreds of records, and the first batches are small.)
        """
        assert self._staged is not None
        counts, before = self._staged.batch.counts, self._written
        self._written += counts["creates"] + counts["updates"] + counts["deletes"]
        if (self._written // _PLANNED_FOR).bit_length() > (before // _PLANNED_FOR).bit_length():
            await self._staged.connection.execute(load("plans_discard"))

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[Staged]:
        """The staged batch, in its transaction, which ends with the block: committed, or rolled back by an error."""
        assert self._staged is not None
        async with self._transaction:
            yield self._staged
        self._batch = self._staged = None


async def _stage(connection: asyncpg.Connection[Any], batch: StoredBatch) -> Staged:
    waves = range(batch.waves)
    touched: set[tuple[int, int]] = set()
    deleted: set[tuple[int, int]] = set()
    for edge in EDGES:
        bodies = [batch.copy_edges(edge.kind, wave) for wave in waves]
        touched.update((wave, edge.kind) for wave in waves if bodies[wave])
        await _copy(connection, edge.stage, bodies)
    bodies = [batch.copy_posts(wave) for wave in waves]
    touched.update((wave, POST) for wave in waves if bodies[wave])
    posts = await staged_posts(connection) if await _copy(connection, "stage_post", bodies) else []
    if await _copy(connection, "stage_delete", [batch.copy_deletes(wave) for wave in waves]):
        deleted.update(map(tuple, await connection.fetch(load("stage_delete_kinds"))))
    await _copy(connection, "stage_repo", [batch.copy_repos()])
    record_ops = [op for wave in waves for op in batch.record_ops(wave)]
    record_ops.sort(key=lambda op: op.n & PLACE)
    records = await stage_records(connection, record_ops)
    return Staged(connection, batch, touched, deleted, posts, record_ops, records)


async def _copy(connection: asyncpg.Connection[Any], table: str, bodies: Sequence[bytes]) -> bool:
    if not any(bodies):
        return False

    async def stream() -> AsyncIterator[bytes]:
        yield _HEADER
        for body in bodies:
            for start in range(0, len(body), _COPIED):
                yield body[start : start + _COPIED]
        yield _TRAILER

    await connection.copy_to_table(table, source=stream(), format="binary")
    return True
