"""Migrations: once, in order, by one at a time, never a newer database."""

from __future__ import annotations

import asyncio

import pytest

from indexer.errors import SchemaTooNew, StoreError
from indexer.store.migrate import check_schema, migrate, migrations
from indexer.store.pool import connect, describe

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
