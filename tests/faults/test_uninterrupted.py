"""Killing, restarting and wiping at random instants: the database ends as if nothing had happened (rules 1 and 3).

The real `indexer ingest` follows a real relay; the uninterrupted run over the same frames is the oracle.
"""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import asyncpg
import pytest
import redis

from indexer.cli.bench_processes import playing
from indexer.ops.embedded import EmbeddedServers, ephemeral_servers
from indexer.records.post_flags import INVALID_REPLY_ROOT, VIOLATES_THREADGATE
from indexer.simulation.bulk import simulate_to_file
from indexer.store.audit import audit
from indexer.store.migrate import migrate
from tests.faults.processes import durable, ingest

EVENTS = 6_000
IDS = {
    "actor",
    "subject_actor",
    "parent_actor",
    "root_actor",
    "quote_actor",
    "via_actor",
    "author",
    "recipient",
    "list_actor",
    "joined_actor",
    "id",
}
"""Columns that hold ids of accounts: two runs give the same accounts different ones."""

LOOKED_UP = {"identity_due_at", "identity_at", "handle", "signing_key", "pds"}
"""Columns that the background look at identities fills, at its own pace."""


@pytest.fixture(scope="module")
def frames() -> Iterator[Path]:
    with TemporaryDirectory(prefix="indexer-faults-") as directory:
        path = Path(directory) / "stream.frames.zst"
        simulate_to_file(path, EVENTS, 300, seed=11)
        yield path


@contextmanager
def ingesting(
    servers: EmbeddedServers, directory: Path, address: str, **settings: str
) -> Iterator[subprocess.Popen[bytes]]:
    process = ingest(
        directory,
        servers.postgres_url,
        address.replace("http://", "ws://"),
        INDEXER_REDIS_URL=servers.redis_url,
        INDEXER_CACHE_ENABLED="true",
        INDEXER_HANDLE_RESOLVER_URL=address,
        INDEXER_BATCH_EVENTS="150",
        **settings,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def reach(url: str, seq: int, process: subprocess.Popen[bytes]) -> int:
    """Wait until everything up to `seq` is durable."""
    for _ in range(2_400):
        found = asyncio.run(durable(url))
        if found >= seq:
            return found
        assert process.poll() is None, f"ingest ended with exit code {process.returncode}"
        time.sleep(0.05)
    raise AssertionError(f"seq {seq} was not durable within two minutes; {found} is")


async def tables(url: str) -> dict[str, list[str]]:
    """Every table's rows as sorted JSON, accounts by DID and rare keys by path instead of the ids of this run."""
    connection = await asyncpg.connect(url)
    try:
        names: dict[int, str] = {
            row[0]: row[1] for row in await connection.fetch("SELECT id, did FROM actor")
        }
        names |= {row[0]: row[1] for row in await connection.fetch("SELECT id, path FROM rare_key")}
        found = {}
        for (table,) in await connection.fetch(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' "
            "AND tablename NOT IN ('migration', 'cursor', 'rare_key', 'last_batch') "
            "AND tablename NOT LIKE '%search%'"  # behind the stream: tests/store/test_search_index.py
        ):
            rows = await connection.fetch(f'SELECT to_jsonb(x) AS row FROM "{table}" AS x')
            found[table] = sorted(comparable(json.loads(row["row"]), names) for row in rows)
        return found
    finally:
        await connection.close()


def comparable(row: dict[str, Any], names: dict[int, str]) -> str:
    return json.dumps(named(row, names))


def named(row: dict[str, Any], names: dict[int, str]) -> dict[str, Any]:
    """A row, or the row that stands in one of its columns, with names for this run's ids."""
    return {
        column: named(value, names)
        if isinstance(value, dict)
        else names.get(value, value)
        if column in IDS or column.endswith("key")
        else value
        for column, value in sorted(row.items())
        if column not in LOOKED_UP
    }


@pytest.fixture(scope="module")
def untroubled(frames: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """The tables after an uninterrupted run."""
    with ephemeral_servers() as servers, playing(frames, None) as (_, address):
        asyncio.run(migrate(servers.postgres_url))
        with ingesting(servers, tmp_path_factory.mktemp("untroubled"), address) as process:
            reach(servers.postgres_url, EVENTS, process)
        return asyncio.run(tables(servers.postgres_url))


def test_kill_9_at_random_instants_loses_nothing_and_counts_nothing_twice(
    frames: Path, untroubled: dict[str, list[str]], tmp_path: Path
) -> None:
    rng = random.Random(3)
    with ephemeral_servers() as servers, playing(frames, 3_000.0) as (_, address):
        asyncio.run(migrate(servers.postgres_url))
        seq = 0
        for _ in range(5):
            with ingesting(servers, tmp_path, address) as process:
                seq = reach(servers.postgres_url, min(seq + 600, EVENTS), process)
                time.sleep(rng.uniform(0, 0.15))
            with redis.Redis.from_url(servers.redis_url) as client:
                client.flushall()
        with ingesting(servers, tmp_path, address) as process:
            reach(servers.postgres_url, EVENTS, process)
        assert asyncio.run(tables(servers.postgres_url)) == untroubled
        assert asyncio.run(audit(servers.postgres_url)) == []


async def lowest_cursor(url: str, shards: int) -> int:
    """The sequence number up to which every one of so many shards is durable; 0 while one has not begun."""
    connection = await asyncpg.connect(url)
    try:
        row = await connection.fetchrow("SELECT count(*) AS shards, min(seq) AS seq FROM cursor")
        return row["seq"] if row is not None and row["shards"] == shards else 0
    finally:
        await connection.close()


def apart_from_order(found: dict[str, list[str]]) -> dict[str, list[str]]:
    """The tables without what says that a post came before its parent, or its thread's gate: between accounts of two
    shards there is no order. Replies against a gate, which do not count, are counted.
    """
    posts = [json.loads(row) for row in found["post"]]
    counts = {(row["actor"], row["key"]): row for row in map(json.loads, found["post_count"])}
    for post in posts:
        if post["flags"] & VIOLATES_THREADGATE:
            parent = {"actor": post["parent_actor"], "key": post["parent_key"]}
            nothing = {**parent, "likes": 0, "quotes": 0, "replies": 0, "reposts": 0}
            counts.setdefault((parent["actor"], parent["key"]), nothing)["replies"] += 1
        post["flags"] &= ~(INVALID_REPLY_ROOT | VIOLATES_THREADGATE)
    counted = [
        row for row in counts.values() if row["likes"] or row["quotes"] or row["replies"] or row["reposts"]
    ]
    return {
        **found,
        "post": sorted(map(json.dumps, posts)),
        "post_count": sorted(map(json.dumps, counted)),
        "notification": [],
    }


def test_two_shards_at_once_make_the_same_tables_as_one_process(
    frames: Path, untroubled: dict[str, list[str]], tmp_path: Path
) -> None:
    with ephemeral_servers() as servers, playing(frames, None) as (_, address), ExitStack() as stack:
        asyncio.run(migrate(servers.postgres_url))
        processes = []
        for shard in ("0/2", "1/2"):
            directory = tmp_path / shard[0]
            directory.mkdir()
            processes.append(stack.enter_context(ingesting(servers, directory, address, INDEXER_SHARD=shard)))
        began = time.monotonic()
        while asyncio.run(lowest_cursor(servers.postgres_url, 2)) < EVENTS:
            assert [process.poll() for process in processes] == [None, None]
            assert time.monotonic() - began < 60
            time.sleep(0.1)
        found = asyncio.run(tables(servers.postgres_url))
        assert apart_from_order(found) == apart_from_order(untroubled)
        unheard = map(json.loads, set(untroubled["notification"]) - set(found["notification"]))
        refused = {
            (post["actor"], post["rkey"])
            for post in map(json.loads, found["post"])
            if post["flags"] & VIOLATES_THREADGATE
        }
        assert {(notice["author"], notice["record_key"]) for notice in unheard} <= refused
        assert asyncio.run(audit(servers.postgres_url)) == []
