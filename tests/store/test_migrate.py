"""Migrations: once, in order, by one at a time, never a newer database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest
from structlog.testing import capture_logs

from indexer.errors import SchemaTooNew, StoreError
from indexer.store.migrate import check_schema, migrate, migrate_connection, migrations
from indexer.store.pool import connect, describe
from indexer.store.reads.database import statements
from indexer.store.sql import load

pytestmark = pytest.mark.anyio


async def test_migrations_are_applied_once(empty_postgres_url: str) -> None:
    names = [migration.name for migration in migrations()]
    assert await migrate(empty_postgres_url) == names
    assert await migrate(empty_postgres_url) == []


async def test_two_processes_migrate_at_once(empty_postgres_url: str) -> None:
    applied = await asyncio.gather(*(migrate(empty_postgres_url) for _ in range(4)))
    assert sorted(name for names in applied for name in names) == [
        migration.name for migration in migrations()
    ]


async def test_a_newer_database_is_refused(postgres_url: str) -> None:
    connection = await connect(postgres_url)
    await connection.execute(
        "INSERT INTO migration (number, name, checksum) VALUES (9999, '9999_later.sql', '')"
    )
    with pytest.raises(SchemaTooNew, match=r"9999_later\.sql"):
        await check_schema(connection)
    await connection.close()
    with pytest.raises(SchemaTooNew):
        await migrate(postgres_url)


async def test_an_edited_migration_is_noticed(postgres_url: str) -> None:
    connection = await connect(postgres_url)
    await connection.execute("UPDATE migration SET checksum = 'other' WHERE number = 1")
    with pytest.raises(StoreError, match=r"0001_initial\.sql"):
        await check_schema(connection)
    await connection.close()


async def test_a_database_without_tables_is_told_apart(empty_postgres_url: str) -> None:
    connection = await connect(empty_postgres_url)
    with pytest.raises(StoreError, match="indexer migrate"):
        await check_schema(connection)
    await connection.close()


async def test_an_unreachable_database_is_named() -> None:
    with pytest.raises(StoreError, match=r"'nowhere' on 127\.0\.0\.1:1"):
        await connect("postgresql://user:secret@127.0.0.1:1/nowhere")


def test_describe_shows_no_password() -> None:
    assert (
        describe("postgresql://user:secret@db.example:5433/indexer")
        == "database 'indexer' on db.example:5433"
    )
    assert describe("postgresql://user:secret@/x?host=/run/pg&port=5") == "database 'x' on /run/pg:5"


@asynccontextmanager
async def _at(url: str, number: int) -> AsyncIterator[asyncpg.Connection[Any]]:
    """A database as the migrations before `number` leave it, with two accounts."""
    before = [migration for migration in migrations() if migration.number < number]
    connection = await connect(url)
    for migration in before:
        await connection.execute(migration.text)
    await connection.execute(load("migration_table"))
    await connection.executemany(
        "INSERT INTO migration (number, name, checksum) VALUES ($1, $2, $3)",
        [(migration.number, migration.name, migration.checksum) for migration in before],
    )
    await connection.execute("INSERT INTO actor (id, did) VALUES (1, 'did:plc:a'), (2, 'did:plc:b')")
    try:
        yield connection
    finally:
        await connection.close()


async def test_the_log_says_how_far_the_migration_of_a_database_in_use_is(empty_postgres_url: str) -> None:
    newest = migrations()[-1]
    async with _at(empty_postgres_url, newest.number) as connection:
        with capture_logs() as logs:
            await migrate_connection(connection)
    told = [(entry["event"], entry["migration"]) for entry in logs]
    assert told == [("migration begins", newest.name), ("migration done", newest.name)]


async def test_likes_of_before_are_found_by_their_account(empty_postgres_url: str) -> None:
    async with _at(empty_postgres_url, 8) as connection:
        day = 86_400_000
        time = 1_767_225_600_000
        likes = [(time * 1000 << 10, time), (time * 1000 << 10 | 1, time - 9 * day), (-1, time - 1)]
        await connection.executemany(
            """INSERT INTO "like" (rkey, actor, subject_key, subject_actor, created_at, indexed_at, subject_cid)
            VALUES ($1, 1, $1, 2, $2, $2, 'c')""",
            likes,
        )
        assert await migrate_connection(connection) == [m.name for m in migrations() if m.number >= 8]
        rows = await connection.fetch(statements()["likes_by"], 1, time, 10)
        assert [(row["edge_rkey"], row["sort_at"]) for row in rows] == [likes[0], likes[2], likes[1]]


COLUMNS = (
    "rkey, actor, subject_key, subject_actor, created_at, indexed_at, via_key, via_actor, via_cid, subject_cid, "
    "extra, quiet"
)

OF_FOLLOWS = "rkey, actor, subject_actor, created_at, indexed_at, via_key, via_actor, via_cid, extra, quiet"


async def test_likes_reposts_and_follows_of_before_keep_every_column(empty_postgres_url: str) -> None:
    async with _at(empty_postgres_url, 9) as connection:
        time = 1_767_225_600_000
        key, far, edge = time * 1000 << 10, 253_402_300_799_000, 2**31
        rows = [
            (key + place, 1, 7 + place, 2, created, indexed, *via, cid, extra, quiet)
            for place, (created, indexed, via, cid, extra, quiet) in enumerate(
                (created, indexed, via, cid, extra, quiet)
                for created, indexed in [
                    (time, time), (time + 40, time), (time, time + 40), (time - edge, time), (time - edge + 1, time),
                    (time + edge - 1, time + edge - 1), (time + edge, time + edge), (time, time + edge),
                    (time + edge, time),
                    (0, 0), (-62_135_596_800_000, time), (far, far), (far, time), (time, far),
                ]
                for via in [(None, None, None), (-3, 2, b"v" * 32)]
                for cid in [None, b"c" * 32]
                for extra in [None, b"\xa0"]
                for quiet in [None, True]
            )
        ]  # fmt: skip
        rows += [
            (rare, 1, rare, 2, time, time - 5, None, None, None, None, None, None)
            for rare in (-1, 1, 2**63 - 1)
        ]
        for table in ("like", "repost"):
            await connection.copy_records_to_table(table, columns=COLUMNS.split(", "), records=rows)
        without_subject = [(*row[:2], place + 3, *row[4:9], *row[10:]) for place, row in enumerate(rows)]
        await connection.copy_records_to_table(
            "follow", columns=OF_FOLLOWS.split(", "), records=without_subject
        )
        await migrate_connection(connection)
        found = await connection.fetch(f"SELECT {OF_FOLLOWS}, sort_at FROM follows")
        assert sorted(map(tuple, found)) == sorted((*row, min(row[3], row[4])) for row in without_subject)
        for view in ("likes", "reposts"):
            found = await connection.fetch(f"SELECT {COLUMNS}, sort_at FROM {view}")
            assert sorted(map(tuple, found)) == sorted((*row, min(row[4], row[5])) for row in rows)
        ordinary = await connection.fetchval('SELECT count(*) FROM "like" WHERE more IS NULL')
        assert ordinary == 2 * 5  # with their own CID and without: where both times fit and nothing is rare


async def test_every_question_fits_the_schema(postgres_url: str) -> None:
    connection = await connect(postgres_url)
    broken = {}
    for name, statement in statements().items():
        try:
            await connection.prepare(statement)
        except asyncpg.PostgresError as error:
            broken[name] = str(error)
    await connection.close()
    assert not broken


OF_POSTS = (
    "rkey, actor, sort_at, indexed_at, parent_key, parent_actor, root_key, root_actor, quote_key, quote_actor, "
    "flags, cid, record"
)


async def test_posts_of_before_keep_every_column(empty_postgres_url: str) -> None:
    async with _at(empty_postgres_url, 13) as connection:
        rows = [
            (7, 1, 5, 6, None, None, None, None, None, None, 0, b"c" * 32, b"r"),
            (8, 2, 5, 6, 7, 1, None, None, None, None, 3, b"d" * 32, b"long" * 5_000),
            (9, 2_147_483_647, -5, 6, 8, 2, 7, 1, -3, 2_147_483_647, 1024, b"e" * 32, bytes(range(256)) * 40),
        ]
        insert = (
            f"INSERT INTO post ({OF_POSTS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"
        )
        await connection.executemany(insert, rows)
        await migrate_connection(connection)
        found = await connection.fetch(f"SELECT {OF_POSTS} FROM post ORDER BY rkey")
        assert [tuple(row) for row in found] == rows
        with pytest.raises(asyncpg.UniqueViolationError):
            await connection.execute(insert, *rows[0])


async def test_small_tables_of_before_keep_their_rows_and_need_no_toast_table(
    empty_postgres_url: str,
) -> None:
    rows: dict[str, tuple[Any, ...]] = {
        "repo": (1, 2, b"d" * 32, 1),
        "rare_key": (-5, "app.bsky.feed.post/" + "k" * 512),
        "cursor": ("wss://relay.example", "0/1", 3, 4),
        "labeler_cursor": ("did:plc:a", 6),
    }
    async with _at(empty_postgres_url, 12) as connection:
        for table, row in rows.items():
            places = ", ".join(f"${place}" for place in range(1, len(row) + 1))
            await connection.execute(f"INSERT INTO {table} VALUES ({places})", *row)
        progress = await connection.fetch("SELECT * FROM search_progress ORDER BY what")
        await migrate_connection(connection)
        for table, row in rows.items():
            assert [tuple(found) for found in await connection.fetch(f"SELECT * FROM {table}")] == [row]
        assert await connection.fetch("SELECT * FROM search_progress ORDER BY what") == progress
        toasted = await connection.fetch(
            "SELECT relname FROM pg_class WHERE relname = ANY ($1::text[]) AND reltoastrelid <> 0",
            [*rows, "search_progress"],
        )
        assert toasted == []
