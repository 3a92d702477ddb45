"""Fixtures that every test may use: real servers, fresh databases, the shared vectors.

The servers are the program's own embedded ones, started once per test run; no test shares a database or a cache.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import warnings
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
import redis
import structlog
from hypothesis import HealthCheck, settings

from indexer.config import PREFIX, settings_info
from indexer.ops.embedded import EmbeddedServers, Tuning, ephemeral_servers
from indexer.store.migrate import migrate

Result = TypeVar("Result")

# A busy machine is no finding.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

# Settings of whoever runs the tests are none of the tests', nor of the programs that these start.
for _variable in (PREFIX + "CONFIG", *(info.variable for info in settings_info().values())):
    os.environ.pop(_variable, None)

_TEST_TUNING = Tuning(
    # A test's data need not survive the machine, only the killing of processes; and memory is for the tests.
    postgres={
        "fsync": "off",
        "full_page_writes": "off",
        "shared_buffers": "256MB",
        "max_wal_size": "1GB",
        "autovacuum_naptime": "5min",
    },
    valkey_memory_bytes=256 * 2**20,
)
_names = itertools.count(1)
_left_open: list[str] = []


def pytest_warning_recorded(warning_message: warnings.WarningMessage, nodeid: str) -> None:
    """Note who left a connection to our servers open; why this is no error where it is warned of: see pyproject.toml.

    Those to strangers may be given up without being closed (sync/fetch.py), and go over TCP.
    """
    if "unclosed resource <UnixTransport" in str(warning_message.message):
        _left_open.append(nodeid)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the run in which a test left such a connection open; the summary of warnings says which."""
    if _left_open and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session")
def embedded() -> Iterator[EmbeddedServers]:
    """The servers of this test run."""
    with ephemeral_servers(_TEST_TUNING) as servers:
        yield servers


@pytest.fixture
def empty_postgres_url(embedded: EmbeddedServers) -> Iterator[str]:
    """The URL of a database of this test's own, without tables."""
    yield from _fresh_database(embedded.postgres_url, "template0")


@pytest.fixture(scope="session")
def migrated_template(embedded: EmbeddedServers) -> str:
    """The name of a database with the program's schema, to be copied."""
    name = "migrated"
    _with_connection(embedded.postgres_url, lambda c: c.execute(f"CREATE DATABASE {name} TEMPLATE template0"))
    asyncio.run(migrate(urlunsplit(urlsplit(embedded.postgres_url)._replace(path=f"/{name}"))))
    return name


@pytest.fixture
def postgres_url(embedded: EmbeddedServers, migrated_template: str) -> Iterator[str]:
    """The URL of a database of this test's own, migrated and empty."""
    yield from _fresh_database(embedded.postgres_url, migrated_template)


@pytest.fixture
def redis_url(embedded: EmbeddedServers) -> str:
    """The URL of the test run's Valkey, emptied."""
    with redis.Redis.from_url(embedded.redis_url) as client:
        client.flushall()
    return embedded.redis_url


@pytest.fixture(scope="session")
def shared_directory() -> Path:
    """The directory with the shared vectors and lexicons; tests that need it skip where it is not."""
    root = Path(__file__).parent.parent
    directory = Path(os.environ.get("INDEXER_SHARED") or root.parent / "shared")
    if not (directory / "vectors").is_dir():
        pytest.skip(
            f"expected the shared vectors in {directory} (or where INDEXER_SHARED says); they are not there"
        )
    return directory


@pytest.fixture(autouse=True)
def quiet_logs() -> Iterator[None]:
    """Logs go nowhere, unless the test runs a command: that sends them to the test's own stderr, closed after it."""
    handlers = logging.getLogger().handlers[:]
    structlog.reset_defaults()
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    yield
    logging.getLogger().handlers[:] = handlers


@pytest.fixture
def anyio_backend() -> str:
    """Async tests run under Trio unless their module or directory says otherwise."""
    return "trio"


def _fresh_database(server_url: str, template: str) -> Iterator[str]:
    name = f"test_{next(_names)}"
    _with_connection(server_url, lambda c: c.execute(f"CREATE DATABASE {name} TEMPLATE {template}"))
    yield urlunsplit(urlsplit(server_url)._replace(path=f"/{name}"))
    _with_connection(server_url, lambda c: c.execute(f"DROP DATABASE {name} WITH (FORCE)"))


def _with_connection(url: str, use: Callable[[asyncpg.Connection], Awaitable[Result]]) -> Result:
    async def connected() -> Result:
        connection = await asyncpg.connect(url)
        try:
            return await use(connection)
        finally:
            await connection.close()

    return asyncio.run(connected())
