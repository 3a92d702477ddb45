"""Whatever breaks, at whatever instant: in the end the database equals the model, and every count its rows.

INDEXER_FAULTS sets how often each thing breaks (3 unless told otherwise; 50 for the full proof).
"""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import redis
from redis.backoff import ConstantBackoff
from redis.retry import Retry

from indexer.ops.embedded import EmbeddedServers, Tuning, ephemeral_servers
from indexer.store.audit import audit
from indexer.store.migrate import migrate
from tests.faults.processes import Relay, durable, ingest
from tests.store.dump import dump
from tests.store.model import Model
from tests.store.streams import Event, Stream
from tests.store.test_model import assert_equal, expected

FAULTS = int(os.environ.get("INDEXER_FAULTS", "3"))
EVENTS_BETWEEN = 60
PATIENCE = 60.0 + 30.0 * FAULTS  # after each break the process waits longer before it connects again


@pytest.fixture
def servers() -> Iterator[EmbeddedServers]:
    """Servers of the test's own: it breaks them."""
    with ephemeral_servers(Tuning(postgres={"shared_buffers": "64MB"})) as servers:
        yield servers


def events_for(faults: int, seed: int) -> list[Event]:
    """A stream in which no account leaves: the process would ask its host whether that is so, and there is none."""
    return Stream(seed, events=(faults + 1) * EVENTS_BETWEEN, statuses=(None,)).ordered


def wait_for(url: str, seq: int) -> None:
    """Wait until everything up to `seq` is durable."""
    began = time.monotonic()
    while (found := asyncio.run(durable(url))) < seq:
        assert time.monotonic() - began < PATIENCE, f"durable up to {found}, expected {seq}"
        time.sleep(0.1)


def assert_database_is_right(url: str, events: list[Event]) -> None:
    model = Model()
    for event in events:
        event.apply(model)

    async def tables() -> dict[str, Any]:
        connection = await asyncpg.connect(url)
        try:
            return await dump(connection)
        finally:
            await connection.close()

    assert_equal(asyncio.run(tables()), expected(model))
    assert asyncio.run(audit(url)) == []


def break_often(
    url: str,
    directory: Path,
    relay: Relay,
    events: list[Event],
    fault: Callable[[int], None],
    *,
    kills_ingest: bool = False,
    **settings: str,
) -> None:
    """Run the stream to its end; at each of FAULTS random instants `fault` gets the ingest process' id."""
    last = relay.last_seq
    chance = random.Random(7)
    process = ingest(directory, url, relay.url, **settings)
    try:
        for number in range(FAULTS):
            wait_for(
                url, min(relay.seq_at((number + 1) * EVENTS_BETWEEN - chance.randrange(EVENTS_BETWEEN)), last)
            )
            time.sleep(chance.random() * 0.3)
            fault(process.pid)
            if kills_ingest:
                assert process.wait(30) == -signal.SIGKILL
                process = ingest(directory, url, relay.url, **settings)
        wait_for(url, last)
        process.terminate()
        asked_early = -signal.SIGTERM  # the last one may not have begun yet
        assert process.wait(60) in (0, asked_early), (directory / "ingest.log").read_text()
    finally:
        process.kill()
        process.wait()


def test_kill_nine_of_the_ingest_process(servers: EmbeddedServers, tmp_path: Path) -> None:
    events = events_for(FAULTS, 31)
    asyncio.run(migrate(servers.postgres_url))
    with Relay([event.frame for event in events], rate=150).serving() as relay:
        break_often(
            servers.postgres_url,
            tmp_path,
            relay,
            events,
            lambda pid: os.kill(pid, signal.SIGKILL),
            kills_ingest=True,
        )
    assert_database_is_right(servers.postgres_url, events)


def test_crashes_of_the_database(servers: EmbeddedServers, tmp_path: Path) -> None:
    """A killed session makes Postgres throw out all sessions and recover from its log."""
    events = events_for(FAULTS, 32)
    url = servers.postgres_url
    asyncio.run(migrate(url))

    async def crash() -> None:
        while True:
            try:
                connection = await asyncpg.connect(url)
                break
            except asyncpg.CannotConnectNowError:  # still recovering from the crash before
                await asyncio.sleep(0.1)
        pid = await connection.fetchval(
            "SELECT pid FROM pg_stat_activity WHERE application_name = 'indexer ingest'"
        )
        os.kill(pid or connection.get_server_pid(), signal.SIGKILL)
        connection.terminate()

    with Relay([event.frame for event in events], rate=150).serving() as relay:
        break_often(url, tmp_path, relay, events, lambda _: asyncio.run(crash()))
    assert_database_is_right(url, events)


def test_wipes_and_crashes_of_the_cache(servers: EmbeddedServers, tmp_path: Path) -> None:
    """A killed Valkey comes back empty at the same address (killed more often within a minute, it is given up)."""
    events = events_for(FAULTS, 34)
    asyncio.run(migrate(servers.postgres_url))
    number = itertools.count()

    def fault(_: int) -> None:
        valkey = servers.pids["valkey"]
        if next(number) in (1, 3, 5) and valkey is not None:
            os.kill(valkey, signal.SIGKILL)
        else:
            patience = Retry(ConstantBackoff(0.1), 50)
            with redis.Redis.from_url(servers.redis_url, retry=patience) as client:
                client.flushall()

    with Relay([event.frame for event in events], rate=150).serving() as relay:
        break_often(
            servers.postgres_url,
            tmp_path,
            relay,
            events,
            fault,
            INDEXER_REDIS_URL=servers.redis_url,
            INDEXER_CACHE_ENABLED="true",
        )
    assert_database_is_right(servers.postgres_url, events)


def test_a_hostile_relay(servers: EmbeddedServers, tmp_path: Path) -> None:
    """It repeats old events and breaks off, also in the middle of a frame."""
    events = events_for(FAULTS, 33)
    asyncio.run(migrate(servers.postgres_url))
    with Relay([event.frame for event in events], rate=150, hostile=True, seed=5).serving() as relay:
        process = ingest(tmp_path, servers.postgres_url, relay.url)
        try:
            wait_for(servers.postgres_url, relay.last_seq)
            process.terminate()
            assert process.wait(60) == 0, (tmp_path / "ingest.log").read_text()
        finally:
            process.kill()
            process.wait()
        assert relay.connections > 1
    assert_database_is_right(servers.postgres_url, events)
