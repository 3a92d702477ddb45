"""A database that stands still: the stages take a few batches more and then nothing, and catch up when it moves again.

That nobody who takes frames stops the socket's reads, tests/firehose says (test_back_pressure_reaches_the_sender).
"""

from __future__ import annotations

import os
import signal
import time

import asyncpg
import pytest
import trio

from indexer import pipeline as stages
from indexer.app import open_store
from indexer.config import Settings
from indexer.firehose import FrameBatch
from indexer.ops.asyncio_thread import asyncio_thread
from indexer.ops.health import Health
from indexer.pipeline import Pipeline, Source
from indexer.simulation.account import World

pytestmark = pytest.mark.anyio

UPSTREAM = "ws://test"
BATCHES, EACH = 60, 40
MOST_UNDER_WAY = 6
"""Batches between the source and the database: one in each stage, and one on its way into the next."""


async def sessions(url: str) -> list[int]:
    """The process ids of the ingest's sessions."""
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch(
            "SELECT pid FROM pg_stat_activity WHERE application_name = 'indexer ingest' "
            "AND datname = current_database()"
        )
        return [row["pid"] for row in rows]
    finally:
        await connection.close()


async def rows(url: str) -> int:
    connection = await asyncpg.connect(url)
    try:
        return int(await connection.fetchval("SELECT count(*) FROM post"))
    finally:
        await connection.close()


def call(pids: list[int], number: int) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except (PermissionError, ProcessLookupError) as error:
            pytest.skip(f"the database's processes are not ours to stop: {error}")


async def test_a_database_that_stands_still_is_waited_for(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stages, "BUSY_SECONDS", 0.1)
    world = World(seed=1)
    author = world.account("alice.test")
    for number in range(BATCHES * EACH):
        author.create_record("app.bsky.feed.post", {"text": f"post {number}"})
    frames = world.frames
    settings = Settings(postgres_url=postgres_url, batch_seconds=0.001, batch_events=EACH)
    taken = 0

    async def produce(send: trio.MemorySendChannel[FrameBatch]) -> None:
        nonlocal taken
        async with send:
            for start in range(0, len(frames), EACH):
                await send.send(FrameBatch(UPSTREAM, frames[start : start + EACH], time.time(), 1))
                taken += 1

    async with asyncio_thread() as thread, open_store(thread, settings) as store:
        later = 0.0
        health = Health(clock=lambda: time.monotonic() + later)
        health.connected(UPSTREAM, True)
        pipeline = Pipeline(settings, thread, store, health=health)

        def catching_up() -> bool:
            return pipeline.is_catching_up

        send, receive = trio.open_memory_channel[FrameBatch](0)
        with trio.fail_after(60):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(pipeline.run, [Source(receive, lambda error, connection: None)])
                nursery.start_soon(produce, send)
                while pipeline.cursor(UPSTREAM) is None:  # noqa: ASYNC110 - another task's counter
                    await trio.sleep(0.005)
                pids = await thread.call(sessions, postgres_url)
                assert pids
                try:
                    call(pids, signal.SIGSTOP)
                    await trio.sleep(0.3)  # what was under way comes to rest
                    durable, before = pipeline.cursor(UPSTREAM), taken
                    await trio.sleep(1.5)
                    assert (pipeline.cursor(UPSTREAM), taken) == (durable, before)
                    assert durable is not None
                    assert taken - durable // EACH <= MOST_UNDER_WAY
                    assert taken < BATCHES
                    assert catching_up()  # a full batch is not over: what can wait stays away
                finally:
                    call(pids, signal.SIGCONT)
        assert pipeline.totals.counts["frames"] == len(frames)
        assert await thread.call(rows, postgres_url) == BATCHES * EACH
        await trio.sleep(0.15)
        assert not catching_up()
        later = 3600.0
        assert health.report()["ready"]  # nothing is waited for any more
