"""Where the stages meet: from frames to committed rows and a current cache.

follow / replay --FrameBatch--> decode --Batch--> prepare --ReadyBatch--> write --> cache

Each stage is a Trio task; the channels between them hold one batch, so that the next batch is decoded while
the database works, and a slow database is felt at the socket: the frames of two batches exist at a time, and the
rows of two more. One helper thread runs the asyncio loop that owns asyncpg and redis; a batch crosses to it three
times.

A batch never holds frames of two upstreams: a cursor moves in the transaction of its own upstream's rows.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

import structlog
import trio

from indexer._fastpath import batch as door
from indexer._fastpath.accounts import AccountTable
from indexer._fastpath.events import Drop
from indexer.cache.writer import CacheWriter
from indexer.config import Settings
from indexer.errors import FrameError, IdentityError, IdentityNotFound, StoreError
from indexer.firehose import FrameBatch
from indexer.firehose.broken import BrokenFrames
from indexer.firehose.joining import Joiner
from indexer.ops import metrics
from indexer.ops.asyncio_thread import AsyncioThread
from indexer.ops.cpu_time import counting_cpu
from indexer.ops.health import Health
from indexer.recovery import Decoded, Prepared, Recovery
from indexer.store.deltas import Detail
from indexer.store.ingest import IngestStore
from indexer.sync.identity import IdentityResolver
from indexer.sync.pds import PdsClient
from indexer.sync.resync import ResyncLimits

log = structlog.get_logger("indexer.pipeline")

Argument = TypeVar("Argument")
Result = TypeVar("Result")

KEY_CONCURRENCY = 256
KEY_ATTEMPTS = 3
RETRY_SECONDS = (0.2, 0.5, 1.0, 2.0, 5.0)
"""Waits before a database that cannot be used is tried again; the last one from then on."""

BUSY_SECONDS = 2.0
"""How long after the commit of a batch that was half full or more the process still counts as catching up."""

KeySource = Callable[[str, bool], Awaitable[bytes | None]]
"""The signing key (34 bytes) of a DID, asked anew where the flag says so; None where it certainly has none."""


@dataclass(frozen=True, slots=True)
class Source:
    """One upstream's frames, and whom to tell of a frame that does not decode (with the connection it came
    on).

    What came before such a frame is kept.
    """

    receive: trio.MemoryReceiveChannel[FrameBatch]
    on_broken: Callable[[FrameError, int], None]


@dataclass(slots=True)
class Totals:
    """What went through the pipeline since it began."""

    counts: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    last_seq: int = 0
    last_time: int = 0


class Pipeline:
    """The stages between a source of frames and the database, for one process."""

    def __init__(
        self,
        settings: Settings,
        thread: AsyncioThread,
        store: IngestStore,
        *,
        keys: KeySource | None = None,
        cache: CacheWriter | None = None,
        health: Health | None = None,
        keep_cursor: bool = True,
    ) -> None:
        """`keys`: None leaves signatures and proofs unchecked (hashes always are). `keep_cursor`: False for
        files.
        """
        self._settings = settings
        self._thread = thread
        self._store = store
        self._keys = keys
        self._cache = cache
        self._health = health or Health()
        self._keep_cursor = keep_cursor
        self._accounts = AccountTable()
        self._durable: dict[str, int] = {}
        self._joiner = Joiner(
            events=settings.batch_events, size=settings.batch_bytes, seconds=settings.batch_seconds
        )
        self._full_at = -BUSY_SECONDS
        self._generations: set[int] = set()
        self._begun = self._ended = 0
        self._wrote = trio.Event()
        self.recovery: Recovery | None = None
        self.totals = Totals()

    async def load_cursor(self, upstream: str) -> int | None:
        """Read the durable cursor of `upstream`; afterwards `cursor` answers for it."""
        stored = await self._thread.call(self._store.cursor, upstream)
        if stored is not None:
            self._durable[upstream] = stored
        return stored

    def cursor(self, upstream: str) -> int | None:
        """The sequence number to go on from: up to it everything of `upstream` is durable.

        Where nothing is yet, the oldest that the upstream still has or the live tip (None), as the settings
        say.
        """
        return self._durable.get(upstream, 0 if self._settings.start_at == "oldest" else None)

    def recover(
        self, resolver: IdentityResolver, client: PdsClient, limits: ResyncLimits | None = None
    ) -> Recovery:
        """Hold commits that do not connect and fetch their repositories, from here on."""
        self.recovery = Recovery(
            self._settings, self._thread, self._store, resolver, client, self._accounts, self._drained, limits
        )
        return self.recovery

    @property
    def is_catching_up(self) -> bool:
        """Whether batches come as full as they may, so that the stream waits for us. However long one of them takes:
        a slow database is not to be given more to do.
        """
        return self._joiner.is_catching_up or time.monotonic() - self._full_at < BUSY_SECONDS

    async def run(self, sources: Iterable[Source]) -> None:
        """Take frames until every source's channel ends and all of them are durable."""
        to_prepare, prepare_from = trio.open_memory_channel[Decoded](0)
        to_write, write_from = trio.open_memory_channel[Prepared](0)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._prepare_stage, prepare_from, to_write)
            nursery.start_soon(self._write_stage, write_from)
            async with to_prepare, trio.open_nursery() as beside:
                if self.recovery is not None:
                    beside.start_soon(self.recovery.run, to_prepare)
                async with trio.open_nursery() as decoding:
                    for source in sources:
                        decoding.start_soon(self._decode_stage, source, to_prepare.clone())
                beside.cancel_scope.cancel()

    async def _drained(self) -> None:
        """Wait until every batch that is prepared or written now is durable."""
        last = self._begun
        while self._ended < last:
            await self._wrote.wait()

    # --- decode --------------------------------------------------------------------------------------------------

    async def _decode_stage(self, source: Source, send: trio.MemorySendChannel[Decoded]) -> None:
        settings = self._settings
        decode = partial(
            door.decode,
            hashes=True,
            inversion=self._keys is not None,
            keep_unknown=settings.keep_unknown_collections,
            without_previous=True,
            shard=settings.shard_index,
            shards=settings.shard_count,
        )
        broken_connection = -1
        broken_frames = BrokenFrames()
        async with source.receive, send, aclosing(self._joiner.join(source.receive)) as joined:
            async for frames, first in joined:
                if first.connection == broken_connection:
                    continue  # read before the connection was dropped; it comes again from the cursor
                self._health.waiting()
                while frames:
                    self._joiner.begun(len(frames), sum(map(len, frames)))
                    began = time.perf_counter()
                    batch = await in_thread("decode", partial(decode, frames))
                    metrics.BATCH_SECONDS.labels("decode").observe(time.perf_counter() - began)
                    error, size = batch.error, sum(map(len, frames[: batch.taken]))
                    frames = frames[batch.taken :]
                    item = Decoded(batch, first.upstream, first.received_at, size)
                    if error is not None and broken_frames.never_decodes(frames[0]):
                        log.error(
                            "frame passed over: it never decodes",
                            upstream=first.upstream,
                            error=str(error),
                        )
                        item.passed_over = [
                            Drop("broken_frame", None, 0, str(error), int(first.received_at * 1000))
                        ]
                        error = None
                        del frames[0]
                    await send.send(item)
                    del batch, item  # their frames are the next stage's alone
                    if error is not None:
                        broken_connection = first.connection
                        log.warning("broken frame", upstream=first.upstream, error=str(error))
                        source.on_broken(error, first.connection)
                        break

    # --- prepare: ids, keys, signatures, the chain of commits, rows ------------------------------------------------

    async def _prepare_stage(
        self, receive: trio.MemoryReceiveChannel[Decoded], send: trio.MemorySendChannel[Prepared]
    ) -> None:
        async with receive, send:
            async for item in receive:
                # What was held for a repository comes before whatever follows of it.
                waiting = [*(await self.recovery.returned() if self.recovery is not None else ()), item]
                del item  # frames are let go as soon as their rows are ready
                while waiting:
                    began = time.perf_counter()
                    self._begun += 1
                    if not waiting[0].upstream:
                        self._joiner.begun(0, 0)
                    prepared = await self._prepare(waiting.pop(0))
                    if self._begun - self._ended > 1:  # the batch ahead is still being written
                        await self._thread.call(self._store.stage, prepared.batch)
                    metrics.BATCH_SECONDS.labels("prepare").observe(time.perf_counter() - began)
                    await send.send(prepared)
                    del prepared

    async def _prepare(self, item: Decoded) -> Prepared:
        accounts, batch = self._accounts, item.batch
        unknown = batch.unknown(accounts)
        self._generations.add(batch.generation)
        if unknown:
            for known in await self._retried(self._store.actors, unknown):
                accounts.put(known.did, known.id, known.rev, known.data, known.state, known.signing_key)
        paths = batch.unknown_paths(accounts)
        if paths:
            for path, path_id in (await self._retried(self._store.paths, paths)).items():
                accounts.put_path(path, path_id)
        if not item.proven:
            if self._keys is not None:
                await self._verify(batch)
            await in_thread("prepare", partial(batch.gate, accounts, strict=self.recovery is not None))
        # from here on the batch knows the ids of its accounts
        await in_thread("prepare", partial(batch.finish, accounts))
        if not item.proven and self.recovery is not None:
            await self.recovery.check(item)
        return await in_thread("prepare", partial(Prepared.of, item))

    async def _verify(self, batch: door.Batch) -> None:
        await self._fetch_keys(batch.keys_needed(self._accounts), anew=False)
        verify = partial(
            batch.verify, self._accounts, self._settings.verify_threads or len(os.sched_getaffinity(0))
        )
        failed = await in_thread("verify", verify)
        if failed:
            # a key may have changed since it was stored: ask once (PROTOCOL: refresh the DID document ONCE)
            await self._fetch_keys(failed, anew=True)
            await in_thread("verify", verify)

    async def _fetch_keys(self, dids: Iterable[str], *, anew: bool) -> None:
        limiter = trio.CapacityLimiter(KEY_CONCURRENCY)

        async def fetch(did: str) -> None:
            async with limiter:
                key = await self._key_of(did, anew)
                if key is not None:
                    self._accounts.put_key(did, key)

        async with trio.open_nursery() as nursery:
            for did in dids:
                nursery.start_soon(fetch, did)

    async def _key_of(self, did: str, anew: bool) -> bytes | None:
        assert self._keys is not None
        for attempt in range(KEY_ATTEMPTS):
            try:
                return await self._keys(did, anew)
            except IdentityNotFound:
                return None
            except IdentityError as error:
                log.debug("key not resolved", did=did, error=str(error), attempt=attempt)
                if attempt + 1 < KEY_ATTEMPTS:
                    await trio.sleep(0.5 * 4**attempt)
        return None

    # --- write ---------------------------------------------------------------------------------------------------

    async def _write_stage(self, receive: trio.MemoryReceiveChannel[Prepared]) -> None:
        async with receive:
            async for item in receive:
                began = time.perf_counter()
                await self._retried(self._write, item)
                metrics.BATCH_SECONDS.labels("write").observe(time.perf_counter() - began)
                metrics.FRAME_TO_COMMIT.observe(time.time() - item.received_at)
                self._committed(item.generation)
                if item.upstream:
                    if item.last_seq:
                        self._durable[item.upstream] = max(item.last_seq, self._durable.get(item.upstream, 0))
                    self._count(item)
                if self.recovery is not None:
                    await self.recovery.written(item)
                self._ended += 1
                self._wrote.set()
                self._wrote = trio.Event()
                if self._joiner.is_catching_up:
                    self._full_at = time.monotonic()
                self._joiner.ended()
                self._health.committed(everything=self._joiner.is_idle)

    def _committed(self, generation: int) -> None:
        """Let the account table forget what only batches used that are durable."""
        self._generations.remove(generation)
        self._accounts.committed(min(self._generations, default=generation + 1) - 1)

    async def _write(self, item: Prepared) -> None:
        """On the asyncio side: commit, then tell the cache, in this order and for one batch at a time."""
        seq = item.last_seq if self._keep_cursor and item.upstream and item.last_seq else None
        detail = Detail.NONE
        if self._cache is not None:
            detail = self._cache.wants_details(hurried=self.is_catching_up)
        deltas = await self._store.apply(item.batch, item.upstream, seq, detail=detail)
        if self._cache is not None:
            began = time.perf_counter()
            await self._cache.apply(deltas, item.received_at)
            metrics.BATCH_SECONDS.labels("cache").observe(time.perf_counter() - began)

    def _count(self, item: Prepared) -> None:
        totals, batch = self.totals, item.batch
        totals.counts.update(batch.counts)
        for drop in item.drops:
            totals.dropped[drop.reason] += 1
            metrics.DROPPED.labels(drop.reason).inc()
        totals.last_seq = max(totals.last_seq, item.last_seq)
        totals.last_time = max(totals.last_time, batch.last_time)
        metrics.FRAMES.labels(item.upstream).inc(batch.counts["frames"])
        metrics.FRAME_BYTES.labels(item.upstream).inc(item.size)
        metrics.BATCH_EVENTS.observe(batch.counts["frames"])
        for kind, count in batch.counts.items():
            metrics.EVENTS.labels(kind).inc(count)
        metrics.SEQUENCE.labels(item.upstream).set(item.last_seq)
        metrics.LAG.labels(item.upstream).set(max(0.0, time.time() - batch.last_time / 1000))

    async def _retried(self, function: Callable[[Argument], Awaitable[Result]], argument: Argument) -> Result:
        """Call `function` on the asyncio side until the database takes it: nothing is lost while it is away."""
        for attempt in range(2**62):
            try:
                answer = await self._thread.call(function, argument)
            except StoreError as error:
                seconds = RETRY_SECONDS[min(attempt, len(RETRY_SECONDS) - 1)]
                log.warning("database not usable, trying again", error=str(error), in_seconds=seconds)
                self._health.trouble("postgres", str(error))
                metrics.STORE_RETRIES.inc()
                await trio.sleep(seconds)
            else:
                if attempt:
                    log.info("database usable again", attempts=attempt + 1)
                    self._health.trouble("postgres", None)
                return answer
        raise AssertionError


async def in_thread(stage: str, function: Callable[[], Result]) -> Result:
    """Run a stage's work beside the event loop and count its CPU time."""
    return await trio.to_thread.run_sync(counting_cpu, stage, function)
