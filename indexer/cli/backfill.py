"""`indexer backfill`: import the repositories of a PDS or relay, with a progress bar, and say what was done."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import trio

from indexer.app import open_store
from indexer.config import Settings
from indexer.firehose import FrameBatch
from indexer.ops.asyncio_thread import AsyncioThread, asyncio_thread
from indexer.ops.progress import progress
from indexer.pipeline import Pipeline, Source
from indexer.store.ingest import IngestStore
from indexer.sync.backfill import Backfill, Listed, Position, Progress
from indexer.sync.fetch import Fetcher
from indexer.sync.identity import IdentityResolver, IdentitySettings
from indexer.sync.pds import PdsClient
from indexer.sync.resync import ResyncLimits

WORKERS = 16
"""Repositories that are fetched at once."""


def run(settings: Settings, host: str, only_mark: bool, as_json: bool) -> dict[str, Any]:
    """Import `host` (a URL) and return what was done, with the time it took. Raises what import_host raises."""
    began = time.perf_counter()
    with progress(f"importing {host}", None, "repositories", quiet=as_json) as advance:
        done = 0

        def step(found: Progress) -> None:
            nonlocal done
            advance(found.repositories.fetched - done)
            done = found.repositories.fetched

        ended = trio.run(partial(import_host, settings, host, only_mark=only_mark, step=step))
    return {
        "host": host,
        "listed": ended.position.listed,
        "marked": ended.position.marked,
        "fetched": ended.repositories.fetched,
        "left": ended.repositories.waiting,
        "seconds": round(time.perf_counter() - began, 3),
    }


def as_text(result: dict[str, Any]) -> str:
    """Return the result as a line for people."""
    return (
        f"{result['listed']:,} repositories listed, {result['marked']:,} of them lacking or behind; "
        f"{result['fetched']:,} fetched, {result['left']:,} left marked; {result['seconds']:,.1f} s\n"
    )


async def import_host(
    settings: Settings,
    host: str,
    *,
    only_mark: bool = False,
    step: Callable[[Progress], None],
) -> Progress:
    """Import the repositories of `host` (the URL of a PDS or relay); returns what was done.

    `only_mark`: list and mark them, and leave the fetching to the ingest process that is running. Otherwise
    none may run. What cannot be fetched stays marked. Raises UpstreamError where the host does not answer;
    what was done stays.
    """
    async with (
        asyncio_thread() as thread,
        open_store(thread, settings) as store,
        IdentityResolver(IdentitySettings.of(settings)) as resolver,
        Fetcher(allow_private=settings.allow_private_hosts, trusted=[host, *settings.upstreams]) as fetcher,
    ):
        client = PdsClient(fetcher)
        # No cache is told: without an ingest process no cached entry is trusted.
        pipeline = Pipeline(settings, thread, store, keep_cursor=False)
        recovery = pipeline.recover(resolver, client, ResyncLimits(workers=WORKERS))
        backfill = Backfill(host, client, _Place(thread, store), recovery.resync)
        if only_mark:
            await backfill.list_all()
            return backfill.progress
        send, receive = trio.open_memory_channel[FrameBatch](0)
        async with trio.open_nursery() as nursery, send:
            nursery.start_soon(pipeline.run, [Source(receive, lambda _error, _connection: None)])
            return await backfill.run(step)


class _Place:
    """Where an import keeps its place, asked from Trio."""

    def __init__(self, thread: AsyncioThread, store: IngestStore) -> None:
        self._thread = thread
        self._store = store

    async def position(self, host: str) -> Position:
        return await self._thread.call(self._store.position, host)

    async def mark(self, host: str, page: Sequence[Listed], position: Position) -> list[tuple[str, int]]:
        return await self._thread.call(self._store.mark, host, page, position)
