"""Gives a command settings whose addresses of Postgres and Redis are set: the operator's, or embedded servers'.

A daemon owns the embedded servers of its state directory; any other command uses those that a daemon runs, or runs
them itself while it lasts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import structlog

from indexer.config import Settings
from indexer.ops.embedded import EmbeddedServers, Tuning, running_addresses
from indexer.store.migrate import migrate

_log = structlog.get_logger("indexer.servers")


def tuning_of(settings: Settings) -> Tuning:
    """Return what the settings say about the embedded servers."""
    return Tuning(
        postgres=dict(option.split("=", 1) for option in settings.embedded_postgres_options),
        postgres_memory_bytes=settings.embedded_postgres_memory * 2**20,
        valkey_memory_bytes=settings.embedded_redis_memory * 2**20,
    )


@contextmanager
def owned_servers(settings: Settings) -> Iterator[tuple[Settings, Callable[[], None]]]:
    """Yield settings with addresses, and a check that raises when an embedded server was given up.

    Raises EmbeddedServerError if another process owns the state directory.
    """
    servers = EmbeddedServers(
        Path(settings.state_dir),
        postgres=settings.postgres_url is None,
        valkey=settings.redis_url is None,
        tuning=tuning_of(settings),
    )
    if settings.postgres_url is not None and settings.redis_url is not None:
        yield settings, lambda: None
        return
    with servers:
        yield (
            _with_addresses(
                settings,
                servers.postgres_url if settings.postgres_url is None else None,
                servers.redis_url if settings.redis_url is None else None,
            ),
            servers.check,
        )


@contextmanager
def any_servers(settings: Settings) -> Iterator[Settings]:
    """Yield settings with addresses: of the servers that a daemon runs in the state directory, else of our own."""
    running = running_addresses(Path(settings.state_dir))
    if running is not None:
        settings = _with_addresses(settings, running.postgres_url, running.redis_url)
    with owned_servers(settings) as (complete, _):
        yield complete


def migrate_schema(settings: Settings) -> list[str]:
    """Bring the database to this program's schema and return the names of the migrations that it took."""
    assert settings.postgres_url is not None
    applied = asyncio.run(migrate(settings.postgres_url))
    if applied:
        _log.info("migrated the schema", applied=applied)
    return applied


def _with_addresses(settings: Settings, postgres_url: str | None, redis_url: str | None) -> Settings:
    return msgspec.structs.replace(
        settings,
        postgres_url=settings.postgres_url or postgres_url,
        redis_url=settings.redis_url or redis_url,
    )
