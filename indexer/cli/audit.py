"""`indexer audit` and `indexer repair`: are the counts those of the rows, and make them so."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec
import structlog

from indexer.cache.changes import void_everything
from indexer.cache.client import CacheClient
from indexer.cli.exit_codes import FAILURE, OK
from indexer.config import Settings
from indexer.errors import CacheError
from indexer.store.audit import Difference, audit, repair

_log = structlog.get_logger("indexer.audit")


def run(settings: Settings, *, as_json: bool) -> int:
    """Print the differences; returns the exit code: failure if there are any."""
    found = asyncio.run(audit(_url(settings)))
    _print(found, as_json, "every count equals its rows")
    return FAILURE if found else OK


def mend(settings: Settings, *, as_json: bool) -> int:
    """Mend the counts, make void what was cached of them, and print what was mended."""
    _print(asyncio.run(_mend(settings)), as_json, "nothing to mend")
    return OK


async def _mend(settings: Settings) -> list[Difference]:
    mended = await repair(_url(settings))
    if mended and settings.cache_enabled and settings.redis_url is not None:
        client = CacheClient(settings.redis_url)
        try:
            await void_everything(client)
        except CacheError as error:
            _log.warning("what is cached could not be made void: it may show for two hours", error=str(error))
        finally:
            await client.close()
    return mended


def _print(found: Sequence[Difference], as_json: bool, none: str) -> None:
    if as_json:
        rows = [difference._asdict() for difference in found]
        print(msgspec.json.encode({"differences": len(rows), "found": rows}).decode())
        return
    for difference in found:
        print(
            f"{difference.subject}  {difference.what}: stored {difference.stored}, counted {difference.counted}"
        )
    print(f"{len(found)} differences" if found else none)


def _url(settings: Settings) -> str:
    assert settings.postgres_url is not None  # the caller has found or started one
    return settings.postgres_url
