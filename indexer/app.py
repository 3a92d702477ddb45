"""What the processes that index are made of: the pipeline, what feeds it and what runs beside it.

`run_ingest` follows upstreams until it is told to stop, `run_replay` indexes a file; the parts below them are opened in
the order in which they need each other.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
import trio

from indexer.cache.client import CacheClient
from indexer.cache.writer import CacheWriter
from indexer.config import Settings
from indexer.errors import FrameError, StoreError
from indexer.firehose import FirehoseOptions, Follower, FrameBatch, parse_upstream, replay_file
from indexer.label_streams import LabelStream
from indexer.ops import metrics
from indexer.ops.asyncio_thread import AsyncioThread, asyncio_thread
from indexer.ops.cpu_time import thread_of
from indexer.ops.health import Health, reachable, serving
from indexer.pipeline import KeySource, Pipeline, Source, Totals
from indexer.recovery import Recovery
from indexer.store.ingest import IngestStore
from indexer.store.labels import LabelStore
from indexer.store.search_index import SearchIndex
from indexer.sync.fetch import Fetcher
from indexer.sync.identity import IdentityResolver, IdentitySettings
from indexer.sync.pds import PdsClient
from indexer.sync.refresh import Finding, IdentityRefresher

if TYPE_CHECKING:
    from trio import TaskStatus

log = structlog.get_logger("indexer.app")

SHUTDOWN_SECONDS = 30.0
"""How long what was received may take to become durable after the first signal."""

SEARCH_SECONDS_BUSY = 5.0
"""Between two batches' words while the stream is caught up with: a batch's cost about 80 ms of CPU time."""


async def run_ingest(settings: Settings, check: Callable[[], None] = lambda: None) -> None:
    """Follow the upstreams of the settings until SIGTERM or SIGINT; then make durable what was received and
    return. `check` is called once a second, and ends everything by raising: where an embedded server was given up.

    Raises what needs the operator: FutureCursor, UpstreamRefused, SchemaTooNew, and InvariantBroken.
    """
    health = Health()
    async with (
        asyncio_thread() as thread,
        open_store(thread, settings) as store,
        open_cache(thread, settings, store) as cache,
        IdentityResolver(IdentitySettings.of(settings)) as resolver,
        Fetcher(allow_private=settings.allow_private_hosts, trusted=settings.upstreams) as fetcher,
    ):
        keys = signing_keys(resolver) if settings.verify == "full" else None
        pipeline = Pipeline(settings, thread, store, keys=keys, cache=cache, health=health)
        recovery = pipeline.recover(resolver, PdsClient(fetcher))
        followers, sources = [], []
        for address in settings.upstreams:
            upstream = parse_upstream(address)
            await pipeline.load_cursor(upstream.key)
            send, receive = trio.open_memory_channel[FrameBatch](0)
            follower = Follower(
                upstream, partial(pipeline.cursor, upstream.key), send, firehose_options(settings)
            )
            followers.append(follower)
            sources.append(Source(receive, follower.fail))
        refresher = IdentityRefresher(
            resolver,
            partial(thread.call, store.identities_due),
            partial(thread.call, partial(save_identity, store, cache)),
            busy=lambda: pipeline.is_catching_up,
        )
        with (
            thread_of("receive", threading.get_ident()),
            thread_of("write", thread.ident),
            serving(health, settings.metrics_host, settings.metrics_port, settings.api_metrics_port) as port,
        ):
            log.info(
                "health, metrics and dashboard", url=f"http://{reachable(settings.metrics_host)}:{port}/"
            )
            async with trio.open_nursery() as background:
                background.start_soon(refresher.run)
                background.start_soon(recovery.resync.run)
                background.start_soon(report_health, health, followers, cache, recovery, check)
                background.start_soon(keep_search, settings, thread, pipeline)
                for labeler in dict.fromkeys((*settings.labelers, *settings.followed_labelers)):
                    background.start_soon(label_stream(labeler, settings, resolver, thread).run)
                async with trio.open_nursery() as stages:
                    scopes = [trio.CancelScope() for _ in followers]
                    await background.start(end_on_signal, scopes, stages.cancel_scope)
                    for follower, scope in zip(followers, scopes, strict=True):
                        stages.start_soon(run_within, scope, follower.run)
                    stages.start_soon(pipeline.run, sources)
                background.cancel_scope.cancel()
    log.info("stopped", last_seq=pipeline.totals.last_seq)


async def run_replay(
    settings: Settings,
    path: Path,
    *,
    keys: KeySource | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Totals:
    """Index the frames of a file, through the same stages; returns what was done once all of it is durable.

    `keys`: None checks hashes only. `progress` is called with the bytes read and the file's size. Raises
    FileFormatError where the file is none of frames, FrameError at a frame that does not decode; what came
    before stays.
    """
    broken: list[FrameError] = []
    async with asyncio_thread() as thread, open_store(thread, settings) as store:
        pipeline = Pipeline(settings, thread, store, keys=keys, keep_cursor=False)
        send, receive = trio.open_memory_channel[FrameBatch](0)
        reading = trio.CancelScope()

        def stop(error: FrameError, _connection: int) -> None:
            broken.append(error)
            reading.cancel()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(pipeline.run, [Source(receive, stop)])
            with reading:
                await replay_file(path, send, progress=progress)
    if broken:
        raise broken[0]
    return pipeline.totals


# --- parts -----------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def open_store(thread: AsyncioThread, settings: Settings) -> AsyncIterator[IngestStore]:
    """The store, connected. Raises StoreError where the database cannot be used, SchemaTooNew where it is too
    new.
    """
    assert settings.postgres_url is not None
    store = IngestStore(settings.postgres_url, settings.shard, search=settings.search_enabled)
    await thread.call(store.open)
    try:
        yield store
    finally:
        with trio.CancelScope(shield=True):
            await thread.call(store.close)


@asynccontextmanager
async def open_cache(
    thread: AsyncioThread, settings: Settings, store: IngestStore
) -> AsyncIterator[CacheWriter | None]:
    """The cache's writer, running; None where the settings turn caches off, or other processes index other
    shards.

    (A timeline holds items of all shards, and only one writer can keep it in commit order.)
    """
    if not settings.cache_enabled or settings.redis_url is None or settings.shard_count > 1:
        yield None
        return
    client = CacheClient(settings.redis_url)
    cache = CacheWriter(client, store, sent=_in_timelines)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(thread.call, cache.run)
        try:
            yield cache
        finally:
            nursery.cancel_scope.cancel()
            with trio.CancelScope(shield=True):
                await thread.call(client.close)


def _in_timelines(received: Sequence[float], items: int) -> None:
    for received_at in received:
        metrics.FRAME_TO_CACHE.observe(time.time() - received_at)
    metrics.CACHE_ITEMS.inc(items)


def firehose_options(settings: Settings) -> FirehoseOptions:
    """What following a firehose needs of the settings."""
    return FirehoseOptions(fast_path=settings.fast_websocket, data_timeout=settings.firehose_watchdog_seconds)


def signing_keys(resolver: IdentityResolver) -> KeySource:
    """Signing keys out of DID documents."""

    async def key_of(did: str, anew: bool) -> bytes | None:
        document = await (resolver.refresh(did) if anew else resolver.resolve(did))
        return document.signing_key

    return key_of


async def save_identity(store: IngestStore, cache: CacheWriter | None, finding: Finding) -> None:
    """On the asyncio side: keep what a look at an identity found, then tell the API's workers."""
    await store.save_identity(finding)
    if cache is not None and finding.is_final:
        await cache.account_changed(finding.actor)


def label_stream(
    did: str, settings: Settings, resolver: IdentityResolver, thread: AsyncioThread
) -> LabelStream:
    """The stream of one labeler, which may be silent for days."""
    assert settings.postgres_url is not None
    options = FirehoseOptions(fast_path=settings.fast_websocket, data_timeout=0)
    return LabelStream(did, resolver, thread, LabelStore(settings.postgres_url), options)


async def keep_search(settings: Settings, thread: AsyncioThread, pipeline: Pipeline) -> None:
    """Keep the tables that are searched in, behind the stream and slowly while that is caught up with."""
    assert settings.postgres_url is not None
    index = SearchIndex(settings.postgres_url)
    # Without search nobody leaves word of changes: whoever turns it on again has to go through everything.
    work = index.step if settings.search_enabled else index.begin_anew
    try:
        while True:
            done = 0
            try:
                done = await thread.call(work)
                if not settings.search_enabled:
                    return
                if not done:
                    await thread.call(index.refresh_popularity)
            except StoreError as error:
                log.warning("cannot keep the search tables", error=str(error))
            await trio.sleep(SEARCH_SECONDS_BUSY if pipeline.is_catching_up else 0 if done else 1)
    finally:
        with trio.CancelScope(shield=True):
            await thread.call(index.close)


async def run_within(scope: trio.CancelScope, function: Callable[[], Awaitable[None]]) -> None:
    """Run `function` until it ends or `scope` is cancelled."""
    with scope:
        await function()


async def end_on_signal(
    sources: list[trio.CancelScope],
    stages: trio.CancelScope,
    task_status: TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """At the first SIGTERM or SIGINT end the sources, so that the stages run dry; at the second exit at once."""
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        task_status.started()
        async for number in signals:
            if any(scope.cancel_called for scope in sources):
                log.warning("stopping at once; what was not committed comes again from the cursor")
                os._exit(128 + number)
            log.info("stopping: what was received is made durable", signal=signal.Signals(number).name)
            for scope in sources:
                scope.cancel()
            stages.deadline = trio.current_time() + SHUTDOWN_SECONDS


async def report_health(
    health: Health,
    followers: list[Follower],
    cache: CacheWriter | None,
    recovery: Recovery,
    check: Callable[[], None],
) -> None:
    """Tell `health` once a second that the loop turns, which upstreams are connected and whether the cache
    works; call `check`.
    """
    while True:
        check()
        health.beat()
        recovery.report()
        for follower in followers:
            health.connected(follower.upstream.key, follower.status.connected)
            metrics.CONNECTED.labels(follower.upstream.key).set(follower.status.connected)
            metrics.CONNECTIONS.labels(follower.upstream.key).set(follower.status.connections)
        if cache is not None:
            health.trouble("cache", cache.status.last_error if cache.status.epoch is None else None)
            metrics.CACHE_TIMELINES.set(cache.status.timelines)
        await trio.sleep(1)
