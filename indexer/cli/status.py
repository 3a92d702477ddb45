"""`indexer status`: what the database, the cache and the running processes say about themselves, in one answer."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import msgspec
import redis.asyncio
import redis.exceptions

from indexer.config import Settings
from indexer.ops.health import reachable
from indexer.store.status import StoreStatus, read_status


class CacheStatus(msgspec.Struct, frozen=True):
    """The cache: whether it answers, why not, and how much it holds."""

    reachable: bool
    trouble: str | None = None
    version: str | None = None
    keys: int | None = None
    bytes: int | None = None


class Status(msgspec.Struct, frozen=True):
    """All parts. `ingest` is the ingest process' health report, `api` whether the API answers; None: nobody there."""

    store: StoreStatus
    cache: CacheStatus
    ingest: dict[str, Any] | None
    api: bool


def collect(settings: Settings) -> Status:
    """Ask every part. Raises StoreError if the database cannot be read; the other parts may be away."""
    return asyncio.run(_collect(settings))


def as_text(status: Status) -> str:
    """Return the status as a few lines for people."""
    store, cache = status.store, status.cache
    lines = [f"database   {_size(store.database_bytes)}, schema {store.migrations}"]
    lines += [
        f"  {table.name:<24} {table.rows:>12,} rows  {_size(table.bytes):>10}"
        for table in store.tables
        if table.rows
    ]
    lines += [
        f"cursor     {cursor.upstream} at {cursor.seq}"
        + ("" if cursor.lag_seconds is None else f", {cursor.lag_seconds:,.1f} s behind")
        + ("" if cursor.shard == "0/1" else f" (shard {cursor.shard})")
        for cursor in store.cursors
    ] or ["cursor     none yet"]
    lines += [f"dropped    {reason}: {count:,}" for reason, count in store.dropped.items()]
    if cache.reachable:
        lines.append(f"cache      {cache.keys:,} keys, {_size(cache.bytes or 0)}, version {cache.version}")
    else:
        lines.append(f"cache      away: {cache.trouble}")
    if status.ingest is None:
        lines.append("ingest     not running")
    else:
        state = "ready" if status.ingest["ready"] else "not ready"
        troubles = "".join(f", {part}: {reason}" for part, reason in status.ingest["troubles"].items())
        lines.append(f"ingest     {state}{troubles}")
    lines.append(f"api        {'answers' if status.api else 'not running'}")
    return "\n".join(lines) + "\n"


async def _collect(settings: Settings) -> Status:
    assert settings.postgres_url is not None
    assert settings.redis_url is not None
    async with httpx.AsyncClient(timeout=2, trust_env=False) as client:
        return Status(
            await read_status(settings.postgres_url),
            await _cache(settings.redis_url),
            await _ingest(
                client, f"http://{reachable(settings.metrics_host)}:{settings.metrics_port}/health/ready"
            ),
            await _answers(client, f"http://{reachable(settings.api_host)}:{settings.api_port}/xrpc/_health"),
        )


async def _cache(url: str) -> CacheStatus:
    client = redis.asyncio.from_url(url, socket_timeout=2, socket_connect_timeout=2)
    try:
        information = await client.info()
        return CacheStatus(
            True,
            version=information.get("valkey_version", information["redis_version"]),
            keys=await client.dbsize(),
            bytes=information["used_memory"],
        )
    except (redis.exceptions.RedisError, OSError) as error:
        return CacheStatus(False, trouble=str(error))
    finally:
        await client.aclose()


async def _ingest(client: httpx.AsyncClient, url: str) -> dict[str, Any] | None:
    try:
        report: dict[str, Any] = msgspec.json.decode((await client.get(url)).content)
    except (httpx.TransportError, msgspec.DecodeError):
        return None
    return report


async def _answers(client: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await client.get(url)).status_code == 200
    except httpx.TransportError:
        return False


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:,.0f} {unit}" if unit == "B" else f"{count:,.1f} {unit}"
        count /= 1000
    return f"{count:,.1f} TB"
