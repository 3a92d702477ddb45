"""Exactly once: replays change nothing, and a commit that was not answered is not applied twice."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
from typing import Any

import asyncpg
import pytest
from asyncpg.transaction import Transaction

from indexer.errors import StoreError
from indexer.ops.embedded import Tuning, ephemeral_servers
from indexer.store import session
from indexer.store.migrate import migrate
from indexer.store.pool import connect
from indexer.store.sql import load
from tests.store.cast import Cast
from tests.store.dump import dump
from tests.store.pipeline import Pipeline
from tests.store.streams import Stream

pytestmark = pytest.mark.anyio


async def test_replaying_changes_nothing(postgres_url: str) -> None:
    events = [event.frame for event in Stream(11, events=200).shuffled()]
    async with Pipeline(postgres_url) as pipeline:
        for start in range(0, len(events), 30):
            await pipeline.write(events[start : start + 30])
        before = await dump(pipeline.connection)
        await pipeline.write(events)  # the accounts are known
    async with Pipeline(postgres_url) as pipeline:  # they come from the database
        await pipeline.write(events[40:120])
        await pipeline.write(events)
        assert await dump(pipeline.connection) == before


async def test_repeats_inside_a_batch_change_nothing(postgres_url: str) -> None:
    events = [event.frame for event in Stream(12, events=120).shuffled()]
    repeated = []
    chance = random.Random(12)
    for index, frame in enumerate(events):
        repeated.append(frame)
        if chance.random() < 0.5:
            repeated.append(events[chance.randrange(index + 1)])
    async with Pipeline(postgres_url) as pipeline:
        await pipeline.write(repeated)
        found = await dump(pipeline.connection)
    async with Pipeline(postgres_url) as pipeline:
        await pipeline.write(events)
        assert await dump(pipeline.connection) == found


async def test_borders_of_batches_do_not_show_in_times(postgres_url: str) -> None:
    """When an account was first seen, and what was refused of it last, is the same for any batches."""
    cast = Cast()
    cast.account("ann", active=True)
    cast.post("ann")
    cast.like("bob", {"uri": "nowhere", "cid": "none"})
    cast.account("bob", active=True, minutes_ago=60)
    for _ in range(3):
        cast.like("ann", {"uri": "nowhere", "cid": "none"})
        cast.create("ann", "app.bsky.graph.listitem", list="nowhere", subject="nobody")
        cast.post("cat")
    question = """SELECT did, indexed_at::text, NULL, 0, 0 FROM actor UNION ALL
        SELECT did, reason, last_detail, count, last_at FROM dropped d LEFT JOIN actor a ON a.id = d.actor
        ORDER BY 1, 2"""
    found = []
    for size in (1, 3, len(cast.frames)):
        async with Pipeline(postgres_url) as pipeline:
            await pipeline.connection.execute("TRUNCATE actor, repo, dropped")
            for start in range(0, len(cast.frames), size):
                await pipeline.write(cast.frames[start : start + size])
            found.append(list(map(tuple, await pipeline.connection.fetch(question))))
    assert found[0] == found[1] == found[2]
    assert len(found[0]) > 4


class Unanswered:
    """A transaction whose commit reaches the server, but whose answer never comes back; savepoints are answered."""

    def __init__(self, connection: asyncpg.Connection[Any]) -> None:
        self._is_savepoint = connection.is_in_transaction()
        self._inner = Transaction(connection, None, False, False)

    async def __aenter__(self) -> None:
        await self._inner.start()

    async def __aexit__(self, *_: object) -> None:
        await self._inner.commit()
        if not self._is_savepoint:
            raise ConnectionResetError("the answer was lost")


async def test_an_unanswered_commit_is_not_repeated(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection breaks after the server committed: the batch comes again and is recognized."""
    events = [event.frame for event in Stream(13, events=60).shuffled()]
    async with Pipeline(postgres_url) as pipeline:
        await pipeline.write(events[:20])
        batch = await pipeline.prepare(events[20:])
        with monkeypatch.context() as patched:
            patched.setattr(asyncpg.Connection, "transaction", lambda connection: Unanswered(connection))
            with pytest.raises(StoreError, match="the answer was lost"):
                await pipeline.writer.apply(batch, "test", 99)
        before = await dump(pipeline.connection)
        deltas = await pipeline.writer.apply(batch, "test", 99)
        assert not deltas.complete
        assert await dump(pipeline.connection) == before
        assert await pipeline.writer.cursor("test") == (99, batch.last_time)


class Crashed(Unanswered):
    """A transaction at whose commit the session is killed: Postgres throws out all sessions, and recovers."""

    def __init__(self, connection: asyncpg.Connection[Any]) -> None:
        super().__init__(connection)
        self._pid = connection.get_server_pid()

    async def __aexit__(self, *_: object) -> None:
        if not self._is_savepoint:
            os.kill(self._pid, signal.SIGKILL)
        await self._inner.commit()


async def recovered(url: str, thrown_out: asyncpg.Connection[Any]) -> asyncpg.Connection[Any]:
    """A connection to a server that has thrown out a session and is coming back."""
    with contextlib.suppress(asyncpg.PostgresError, OSError):
        await thrown_out.execute("SELECT pg_sleep(60)")
    for _ in range(200):
        try:
            return await connect(url)
        except StoreError:
            await asyncio.sleep(0.05)
    raise AssertionError("the server did not come back")


async def test_a_crash_of_the_database_before_the_commit_loses_nothing(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where others commit meanwhile: the server gives the lost transaction's id out again."""
    events = [event.frame for event in Stream(15, events=60).shuffled()]
    async with Pipeline(postgres_url) as uninterrupted:
        await uninterrupted.write(events[:20])
        await uninterrupted.write(events[20:])
        wanted = await dump(uninterrupted.connection)
    no_early_flush = {"shared_buffers": "64MB", "wal_writer_delay": "10s", "wal_writer_flush_after": "1GB"}
    with ephemeral_servers(Tuning(postgres=no_early_flush)) as servers:
        await migrate(servers.postgres_url)
        async with Pipeline(servers.postgres_url) as pipeline:
            await pipeline.write(events[:20])
            batch = await pipeline.prepare(events[20:])
            with monkeypatch.context() as patched:
                patched.setattr(asyncpg.Connection, "transaction", lambda connection: Crashed(connection))
                with pytest.raises(StoreError):
                    await pipeline.writer.apply(batch, "test", 99)
            other = await recovered(servers.postgres_url, pipeline.connection)
            for _ in range(100):
                await other.execute("CREATE TABLE something (); DROP TABLE something")
            assert (await pipeline.writer.apply(batch, "test", 99)).complete
            assert await dump(other) == wanted
            await other.close()


async def test_a_failed_transaction_is_repeated(postgres_url: str) -> None:
    events = [event.frame for event in Stream(14, events=80).shuffled()]
    async with Pipeline(postgres_url) as pipeline:
        batch = await pipeline.prepare(events)
        blocker = pipeline.connection
        async with blocker.transaction():
            await blocker.execute("LOCK TABLE post IN ACCESS EXCLUSIVE MODE")
            assert pipeline.writer._sessions[0]._connection is not None
            await pipeline.writer._sessions[0]._connection.execute("SET lock_timeout = '50ms'")
            with pytest.raises(StoreError, match="lock timeout"):
                await pipeline.writer.apply(batch, "test", 1)
        assert await pipeline.writer.cursor("test") is None
        assert (await pipeline.writer.apply(batch, "test", 1)).complete
        assert await pipeline.writer.cursor("test") == (1, batch.last_time)
        tables = await dump(pipeline.connection)
        assert tables["post"]


async def prepared(pipeline: Pipeline, seed: int) -> tuple[list[Any], dict[str, Any]]:
    """Batches of a stream, each on top of the one before, and what a database is after them."""
    events = [event.frame for event in Stream(seed, events=160).shuffled()]
    parts = [events[start : start + 40] for start in range(0, len(events), 40)]
    async with Pipeline(pipeline.url) as alone:
        for part in parts:
            await alone.write(part)
        wanted = await dump(alone.connection)
        await alone.connection.execute(EMPTIED)
    return [await pipeline.prepare(part) for part in parts], wanted


EMPTIED = """DO $$ BEGIN EXECUTE (
    SELECT 'TRUNCATE ' || string_agg(format('%I', relname), ', ') FROM pg_class
    WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname NOT IN ('migration', 'last_batch')
); END $$"""


async def test_a_batch_staged_before_the_one_ahead_was_written_sees_its_rows(postgres_url: str) -> None:
    async with Pipeline(postgres_url) as pipeline:
        batches, wanted = await prepared(pipeline, 16)
        await pipeline.writer.stage(batches[0])
        for seq, (batch, following) in enumerate(zip(batches, [*batches[1:], None], strict=True)):
            if following is not None:
                await pipeline.writer.stage(following)
            assert (await pipeline.writer.apply(batch, "test", seq)).complete
        assert await dump(pipeline.connection) == wanted


async def test_plans_are_made_anew_as_the_records_double(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "_PLANNED_FOR", 40)
    events = [event.frame for event in Stream(19, events=400).shuffled()]
    written, discarded = 0, []
    async with Pipeline(postgres_url) as pipeline:
        connection = await pipeline.writer._sessions[0].connected()

        def note(query: Any) -> None:
            if query.query == load("plans_discard"):
                discarded.append(written)

        connection.add_query_logger(note)
        for start in range(0, len(events), 10):
            batch = await pipeline.prepare(events[start : start + 10])
            written += sum(batch.counts[kind] for kind in ("creates", "updates", "deletes"))
            await pipeline.writer.apply(batch, "test", start + 1)
            pipeline.accounts.committed(batch.generation)
    assert written >= 160
    thresholds = [40 << doubling for doubling in range(16) if 40 << doubling <= written]
    assert len(discarded) == len(thresholds)
    assert all(limit <= at < limit + 30 for at, limit in zip(discarded, thresholds, strict=True))


async def test_a_batch_that_failed_comes_before_the_one_that_is_staged(postgres_url: str) -> None:
    async with Pipeline(postgres_url) as pipeline:
        batches, wanted = await prepared(pipeline, 17)
        for seq, batch in enumerate(batches):
            await pipeline.writer.stage(batch)
            if seq + 1 < len(batches):
                await pipeline.writer.stage(batches[seq + 1])
            async with pipeline.connection.transaction():
                await pipeline.connection.execute("LOCK TABLE cursor IN ACCESS EXCLUSIVE MODE")
                for session in pipeline.writer._sessions:
                    await (await session.connected()).execute("SET lock_timeout = '50ms'")
                with pytest.raises(StoreError, match="lock timeout"):
                    await pipeline.writer.apply(batch, "test", seq)
            assert (await pipeline.writer.apply(batch, "test", seq)).complete
        assert await dump(pipeline.connection) == wanted


async def test_a_session_that_is_lost_with_a_staged_batch_is_replaced(postgres_url: str) -> None:
    async with Pipeline(postgres_url) as pipeline:
        batches, wanted = await prepared(pipeline, 18)
        for seq, batch in enumerate(batches):
            await pipeline.writer.stage(batch)
            await pipeline.connection.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                "WHERE state = 'idle in transaction' AND datname = current_database()"
            )
            for _ in range(3):  # the loss may show only with the first statement
                with contextlib.suppress(StoreError):
                    assert (await pipeline.writer.apply(batch, "test", seq)).complete
                    break
        assert await pipeline.writer.cursor("test") == (len(batches) - 1, batches[-1].last_time)
        assert await dump(pipeline.connection) == wanted


async def test_an_unanswered_commit_is_recognized_beside_a_staged_batch(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Pipeline(postgres_url) as pipeline:
        batches, wanted = await prepared(pipeline, 19)
        with monkeypatch.context() as patched:
            patched.setattr(asyncpg.Connection, "transaction", lambda connection: Unanswered(connection))
            await pipeline.writer.stage(batches[0])
        await pipeline.writer.stage(batches[1])
        with pytest.raises(StoreError, match="the answer was lost"):
            await pipeline.writer.apply(batches[0], "test", 0)
        assert not (await pipeline.writer.apply(batches[0], "test", 0)).complete
        for seq, batch in enumerate(batches[1:], 1):
            assert (await pipeline.writer.apply(batch, "test", seq)).complete
        assert await dump(pipeline.connection) == wanted
