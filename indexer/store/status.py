"""What the database says about itself, for operators: cursors, sizes, drops.

Reads catalogues and small tables only, so that asking costs nothing however large the tables are; row counts are
Postgres' own estimates.
"""

from __future__ import annotations

import time

import msgspec

from indexer.store.migrate import check_schema
from indexer.store.pool import connect, store_errors
from indexer.store.sql import load


class CursorStatus(msgspec.Struct, frozen=True):
    """How far one upstream was read: its last durable sequence number and that event's age in seconds."""

    upstream: str
    shard: str
    seq: int
    lag_seconds: float | None


class TableStatus(msgspec.Struct, frozen=True):
    """One table: estimated rows, bytes with indexes."""

    name: str
    rows: int
    bytes: int


class StoreStatus(msgspec.Struct, frozen=True):
    """Everything that `read_status` finds; `dropped` counts by reason."""

    database_bytes: int
    migrations: int
    cursors: list[CursorStatus]
    tables: list[TableStatus]
    dropped: dict[str, int]


async def read_status(url: str) -> StoreStatus:
    """Return the state of the database at `url`. Raises StoreError if it is unreachable or has no schema."""
    connection = await connect(url)
    try:
        with store_errors("cannot read the status"):
            await check_schema(connection)
            now = time.time()
            return StoreStatus(
                database_bytes=await connection.fetchval(load("status_size")),
                migrations=await connection.fetchval(load("status_migrations")),
                cursors=[
                    CursorStatus(
                        upstream, shard, seq, None if event_at is None else round(now - event_at / 1000, 3)
                    )
                    for upstream, shard, seq, event_at in await connection.fetch(load("status_cursors"))
                ],
                tables=[TableStatus(*row) for row in await connection.fetch(load("status_tables"))],
                dropped={
                    reason: int(count) for reason, count in await connection.fetch(load("status_dropped"))
                },
            )
    finally:
        await connection.close()
