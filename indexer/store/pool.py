"""Connections to Postgres: how they are made, what they are set to, which errors mean "try again".

Owns the connection settings of writer and readers and the translation of driver errors into StoreError. Knows no table.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

import asyncpg

from indexer.errors import StoreError

MINIMUM_VERSION = 15
_CONNECT_SECONDS = 10.0

# The writer joins small staging tables, which have no statistics, to large ones: without this the planner would hash
# or sort the whole large table for a few thousand rows (3.7 -> 22 us a row at 4 million rows).
WRITER_SETTINGS = {
    "application_name": "indexer ingest",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "enable_material": "off",
    "plan_cache_mode": "force_generic_plan",
    "temp_buffers": "64MB",
    "work_mem": "64MB",
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "60s",
    "lock_timeout": "0",
    "default_transaction_isolation": "read committed",  # a batch is staged before the one ahead of it is committed
    "timezone": "UTC",
}
READER_SETTINGS = {
    "application_name": "indexer api",
    "plan_cache_mode": "force_custom_plan",
    "statement_timeout": "10s",
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
    "default_transaction_read_only": "off",
    "timezone": "UTC",
}

_LOST = (
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.TooManyConnectionsError,
    asyncpg.DiskFullError,
    asyncpg.OutOfMemoryError,
    asyncpg.LockNotAvailableError,
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.QueryCanceledError,
    asyncpg.InterfaceError,
    ConnectionError,
    TimeoutError,
    asyncio.IncompleteReadError,
    OSError,
)


def describe(url: str) -> str:
    """Return host, port and database of `url` for a message, without user and password."""
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    host = parts.hostname or query.get("host", ["localhost"])[0]
    port = parts.port or query.get("port", ["5432"])[0]
    return f"database {parts.path.lstrip('/') or query.get('dbname', ['postgres'])[0]!r} on {host}:{port}"


@contextmanager
def store_errors(what: str) -> Iterator[None]:
    """Turn the driver's errors that a later attempt may not meet again into StoreError; others pass as they are."""
    try:
        yield
    except _LOST as error:
        raise StoreError(f"{what}: {type(error).__name__}: {error}") from error


async def connect(
    url: str, *, settings: dict[str, str] | None = None, timeout: float = _CONNECT_SECONDS
) -> asyncpg.Connection[Any]:
    """Open one connection with `settings` (the writer's by default).

    Raises StoreError naming host and database where Postgres is unreachable, refuses us, or is older than 15.
    """
    try:
        connection = await asyncpg.connect(
            url,
            timeout=timeout,
            statement_cache_size=300,
            max_cached_statement_lifetime=0,
            max_cacheable_statement_size=0,
            server_settings=WRITER_SETTINGS if settings is None else settings,
        )
    except (*_LOST, asyncpg.PostgresError, ValueError) as error:
        raise StoreError(f"cannot use {describe(url)}: {type(error).__name__}: {error}") from error
    await _check_version(connection, url)
    return connection


async def create_pool(
    url: str, *, min_size: int = 1, max_size: int = 10, settings: dict[str, str] | None = None
) -> asyncpg.Pool[Any]:
    """Open a pool for readers (READER_SETTINGS by default).

    Raises StoreError as `connect` does.
    """
    try:
        pool = await asyncpg.create_pool(
            url,
            min_size=min_size,
            max_size=max_size,
            timeout=_CONNECT_SECONDS,
            command_timeout=30.0,
            statement_cache_size=300,
            max_cached_statement_lifetime=0,
            max_cacheable_statement_size=0,
            server_settings=READER_SETTINGS if settings is None else settings,
        )
    except (*_LOST, asyncpg.PostgresError, ValueError) as error:
        raise StoreError(f"cannot use {describe(url)}: {type(error).__name__}: {error}") from error
    async with pool.acquire() as connection:
        await _check_version(connection, url)
    return pool


async def _check_version(connection: Any, url: str) -> None:
    version = connection.get_server_version()
    if version.major < MINIMUM_VERSION:
        raise StoreError(
            f"expected Postgres {MINIMUM_VERSION} or newer; {describe(url)} runs {version.major}.{version.minor}"
        )
