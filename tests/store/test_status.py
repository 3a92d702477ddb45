"""What operators are told of the database."""

from __future__ import annotations

import asyncio
import time

import asyncpg
import pytest

from indexer.errors import StoreError
from indexer.store.migrate import migrations
from indexer.store.status import read_status


def test_status_tells_cursors_sizes_and_drops(postgres_url: str) -> None:
    async def fill() -> None:
        connection = await asyncpg.connect(postgres_url)
        await connection.execute(
            "INSERT INTO cursor (upstream, seq, event_at) VALUES ('relay', 42, $1), ('pds', 7, NULL)",
            int((time.time() - 60) * 1000),
        )
        await connection.execute(
            "INSERT INTO dropped (reason, actor, count, last_at) "
            "VALUES ('bad', 1, 2, 0), ('bad', 2, 3, 0), ('old', 0, 1, 0)"
        )
        await connection.close()

    asyncio.run(fill())
    status = asyncio.run(read_status(postgres_url))
    assert status.migrations == len(migrations())
    assert status.dropped == {"bad": 5, "old": 1}
    pds, relay = status.cursors
    assert (pds.upstream, pds.seq, pds.lag_seconds) == ("pds", 7, None)
    assert (relay.upstream, relay.seq, relay.shard) == ("relay", 42, "0/1")
    assert relay.lag_seconds == pytest.approx(60, abs=10)
    assert {"post", "like", "actor"} <= {table.name for table in status.tables}
    assert 0 < sum(table.bytes for table in status.tables) < status.database_bytes


def test_a_database_without_our_schema_is_told(empty_postgres_url: str) -> None:
    with pytest.raises(StoreError, match="run `indexer migrate`"):
        asyncio.run(read_status(empty_postgres_url))
