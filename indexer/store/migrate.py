"""The schema's numbered migrations: each applied once, in its own transaction, in order, by one process at a time.

Owns the table `migration`. A migration file is never edited once it was released: its checksum is recorded and
compared.
"""

from __future__ import annotations

import hashlib
import re
import time
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import asyncpg
import structlog

from indexer.errors import InvariantBroken, SchemaTooNew, StoreError
from indexer.store.pool import connect, store_errors
from indexer.store.sql import load

log = structlog.get_logger("indexer.store.migrate")

_LOCK = 0x696E6465786572  # "indexer": one migrating process at a time, whatever the number of shards
_NAME = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")


@dataclass(frozen=True)
class Migration:
    """One numbered file of indexer/store/migrations."""

    number: int
    name: str
    text: str

    @property
    def checksum(self) -> bytes:
        """The SHA-256 of the file's text."""
        return hashlib.sha256(self.text.encode()).digest()


@cache
def migrations() -> tuple[Migration, ...]:
    """Return this program's migrations in order.

    Raises InvariantBroken if the files are not numbered 1, 2, 3, ... without a gap.
    """
    found = []
    for entry in (files("indexer.store") / "migrations").iterdir():
        if (match := _NAME.fullmatch(entry.name)) is not None:
            found.append(Migration(int(match[1]), entry.name, entry.read_text(encoding="utf-8")))
    found.sort(key=lambda migration: migration.number)
    if [migration.number for migration in found] != list(range(1, len(found) + 1)):
        raise InvariantBroken(
            f"expected migrations numbered from 1 without a gap; found {[m.name for m in found]}"
        )
    return tuple(found)


async def migrate(url: str) -> list[str]:
    """Bring the database at `url` to this program's schema; return the names of the migrations that were applied.

    Raises SchemaTooNew if the database has a migration that this program does not know, StoreError if it is
    unreachable or an applied migration differs from ours.
    """
    connection = await connect(url)
    try:
        with store_errors("cannot migrate"):
            return await migrate_connection(connection)
    finally:
        await connection.close()


async def migrate_connection(connection: asyncpg.Connection[Any]) -> list[str]:
    """As `migrate`, over a connection of the caller's."""
    applied = []
    await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
    try:
        await connection.execute(load("migration_table"))
        done = await _applied(connection)
        for migration in migrations():
            if migration.number in done:
                continue
            began = time.monotonic()
            if done:  # it may rewrite tables with much in them; a new database is made at once
                log.info("migration begins", migration=migration.name)
            async with connection.transaction():
                await connection.execute(migration.text)
                await connection.execute(
                    load("migration_save"),
                    migration.number,
                    migration.name,
                    migration.checksum,
                )
            if done:
                log.info(
                    "migration done", migration=migration.name, seconds=round(time.monotonic() - began, 1)
                )
            applied.append(migration.name)
    finally:
        if not connection.is_closed():
            await connection.execute("SELECT pg_advisory_unlock($1)", _LOCK)
    return applied


async def check(url: str) -> None:
    """Make sure that the database at `url` can be used and has this program's schema. Raises as `check_schema` does."""
    connection = await connect(url)
    try:
        with store_errors("cannot check the schema"):
            await check_schema(connection)
    finally:
        await connection.close()


async def check_schema(connection: asyncpg.Connection[Any]) -> None:
    """Make sure that the database has exactly this program's schema, without changing it.

    Raises SchemaTooNew for a newer one, StoreError for an older one or none.
    """
    if await connection.fetchval("SELECT to_regclass('migration')") is None:
        raise StoreError("expected a migrated database; it has no tables of ours (run `indexer migrate`)")
    done = await _applied(connection)
    if missing := [migration.name for migration in migrations() if migration.number not in done]:
        raise StoreError(
            f"expected a migrated database; it lacks {', '.join(missing)} (run `indexer migrate`)"
        )


async def _applied(connection: asyncpg.Connection[Any]) -> set[int]:
    known = {migration.number: migration for migration in migrations()}
    done = set()
    for number, name, checksum in await connection.fetch(load("migration_list")):
        if number not in known:
            raise SchemaTooNew(
                f"expected a schema of version {len(known)} at most; the database has migration {number} ({name}): "
                "it belongs to a newer version of this program"
            )
        if known[number].checksum != checksum:
            raise StoreError(
                f"expected migration {name} as this program has it; the database applied another text"
            )
        done.add(number)
    return done
