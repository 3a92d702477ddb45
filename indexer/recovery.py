"""What mends the index beside the stream, in the stages' terms: repositories that are fetched whole, account
events that are checked first.

gate --held frames--> Resynchronizer --frames of a repository--> [applied batch] --+
                                  |                                                    +--> prepare --> write
                                  +--------held frames------------> [returned batch] --+

Owns the way of such batches through the stages, and what of a batch may be stored (CheckedBatch). When a
repository is fetched and what it must prove is the business of sync/.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast

import structlog
import trio

from indexer._fastpath import batch as door
from indexer._fastpath.accounts import AccountTable
from indexer._fastpath.events import AccountEvent, Drop
from indexer.config import Settings
from indexer.errors import StoreError
from indexer.ops import metrics
from indexer.ops.asyncio_thread import AsyncioThread
from indexer.records.collections import CODES
from indexer.store.batch import UnreadBatch
from indexer.store.ingest import IngestStore
from indexer.store.ready import ReadyBatch
from indexer.sync.account_check import AccountChecker
from indexer.sync.export import Exporter
from indexer.sync.identity import IdentityResolver
from indexer.sync.pds import PdsClient
from indexer.sync.policy import VISIBLE, Consequence, RepositoryState, account_status, consequence
from indexer.sync.resync import Released, Resynchronizer, ResyncLimits

log = structlog.get_logger("indexer.recovery")

FRAMES_PER_BATCH = 500
"""Frames of fetched repositories (200 operations each) that are written together."""
WAKE_INTERVAL = 0.05
"""Seconds after which a fetched repository is returned to the stream where no frame comes along."""


@dataclass(slots=True)
class Decoded:
    """A batch on its way to its rows.

    `proven`: made of a fetched repository, so that it is neither verified nor gated. `stored`: what the
    writer takes. `broken`: (DID, actor) of repositories in which it leaves a hole. `passed_over`: frames behind it that
    never decode; the next commit of their repositories will not connect. `after` runs when it is durable.
    """

    batch: door.Batch
    upstream: str
    received_at: float
    size: int
    proven: bool = False
    stored: UnreadBatch | None = None
    broken: Sequence[tuple[str, int]] = ()
    passed_over: Sequence[Drop] = ()
    after: Callable[[], Awaitable[None]] | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """A batch whose rows are ready, without its frames. `drops`: all that was refused or passed over; `desynchronized`:
    (DID, actor) of repositories with an event that does not connect; the rest as in Decoded.
    """

    batch: ReadyBatch
    generation: int
    last_seq: int
    drops: Sequence[Drop]
    desynchronized: Sequence[tuple[str, int]]
    upstream: str
    received_at: float
    size: int
    proven: bool
    broken: Sequence[tuple[str, int]]
    after: Callable[[], Awaitable[None]] | None

    @classmethod
    def of(cls, item: Decoded) -> Prepared:
        """Read all that will be stored out of the frames of `item`."""
        batch = item.batch
        return cls(
            ReadyBatch(item.stored or batch),
            batch.generation,
            batch.last_seq,
            [*batch.drops, *item.passed_over],
            batch.desynchronized,
            item.upstream,
            item.received_at,
            item.size,
            item.proven,
            item.broken,
            item.after,
        )


class CheckedBatch:
    """A batch as it may be stored: its #account events confirmed, repositories marked in which it leaves a hole, and
    the frames passed over behind it counted.
    """

    def __init__(
        self,
        batch: door.Batch,
        account_events: list[AccountEvent],
        holes: Sequence[tuple[str, int]],
        passed_over: Sequence[Drop],
    ) -> None:
        self._batch = batch
        self.drops = [*batch.drops, *passed_over]
        self.account_events = account_events
        self.repo_states = [
            *batch.repo_states,
            *((actor, int(RepositoryState.DESYNCHRONIZED)) for _, actor in holes),
        ]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)


@dataclass(slots=True)
class _Work:
    """Frames of one repository that wait to be written."""

    frames: list[bytes]
    durable: trio.Event = field(default_factory=trio.Event)


class Recovery:
    """The repairs of one process: everything but `run` is called by the stages, in the order of batches.

    `drained` returns when every batch that is prepared or written now is durable.
    """

    def __init__(
        self,
        settings: Settings,
        thread: AsyncioThread,
        store: IngestStore,
        resolver: IdentityResolver,
        client: PdsClient,
        accounts: AccountTable,
        drained: Callable[[], Awaitable[None]],
        limits: ResyncLimits | None = None,
    ) -> None:
        self._settings = settings
        self._thread = thread
        self._store = store
        self._accounts = accounts
        self._drained = drained
        self._checker = AccountChecker(resolver, client)
        self._queue: list[_Work] = []
        self._queued = trio.Event()
        self.resync = Resynchronizer(
            Exporter(resolver, client, partial(thread.call, store.repository_records), self._is_kept),
            suspend=self._suspend,
            apply=self._apply,
            save_state=partial(thread.call, store.save_repository_state),
            load=self._load,
            limits=limits,
        )

    def _is_kept(self, collection: str) -> bool:
        return collection in CODES or self._settings.keep_unknown_collections

    async def run(self, send: trio.MemorySendChannel[Decoded]) -> None:
        """Feed the prepare stage through `send` until cancelled. The automaton itself is `resync.run`."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._write_queue, send)
            nursery.start_soon(self._wake, send)

    # --- the stages' side ----------------------------------------------------------------------------------------

    async def returned(self) -> list[Decoded]:
        """Batches of the commits that were held for repositories fetched meanwhile; to be prepared before any
        other.

        Their accounts are set to the fetched state here.
        """
        released = self.resync.release()
        if not released:
            return []
        for repository in released:
            self._accounts.put(repository.did, repository.actor, repository.rev, repository.data, 0)
        batches = await self._decode([frame for repository in released for frame in repository.frames])
        for item in batches:
            item.proven = False
        batches[-1].after = partial(self._settle, released)
        return batches

    async def check(self, item: Decoded) -> None:
        """After the gate and `finish`: keep what was held back, and fix what of the batch may be stored."""
        batch = item.batch
        for did, frame in batch.held:
            self.resync.hold(did, frame)
        events = batch.account_events
        if any(account_status(event.active, event.status) not in VISIBLE for event in events):
            events = await self._checker.confirmed(events)
        holes = {drop.actor: drop.did for drop in batch.drops if drop.did is not None and _leaves_hole(drop)}
        item.broken = [(did, actor) for actor, did in holes.items()]
        item.stored = cast(UnreadBatch, CheckedBatch(batch, events, item.broken, item.passed_over))

    async def written(self, item: Prepared) -> None:
        """After the batch is durable."""
        if not item.proven:
            for did, actor in (*item.desynchronized, *item.broken):
                self.resync.request(did, actor)
        if item.after is not None:
            await item.after()

    def report(self) -> None:
        """Tell the metrics how much waits."""
        found = self.resync.statistics()
        metrics.REPOSITORIES.labels("waiting").set(found.waiting)
        metrics.REPOSITORIES.labels("in progress").set(found.in_progress)
        metrics.REPOSITORIES.labels("unreachable").set(found.unreachable)
        metrics.QUEUE_BYTES.labels("held commits").set(found.held_bytes)

    # --- the automaton's side ------------------------------------------------------------------------------------

    async def _suspend(self, did: str, actor: int) -> None:
        known = self._accounts.get(did)
        if known is not None:
            self._accounts.set_state(did, known.rev, known.data, RepositoryState.IN_PROGRESS)
        await self._drained()

    async def _apply(self, frames: list[bytes]) -> None:
        work = _Work(frames)
        self._queue.append(work)
        self._queued.set()
        await work.durable.wait()

    async def _load(self, limit: int) -> list[tuple[str, int]]:
        shards, shard = self._settings.shard_count, self._settings.shard_index
        found = await self._thread.call(self._store.waiting_repositories, limit * shards)
        return [(did, actor) for did, actor in found if door.shard_of(did, shards) == shard]

    async def _settle(self, released: list[Released]) -> None:
        while True:
            try:
                return await self.resync.settle(released)
            except StoreError as error:
                log.warning("database not usable, trying again", error=str(error))
                await trio.sleep(1)

    # --- batches of their own ------------------------------------------------------------------------------------

    async def _write_queue(self, send: trio.MemorySendChannel[Decoded]) -> None:
        """Join what the workers fetched into batches; they wait until theirs is durable, so that little is
        queued.
        """
        while True:
            await self._queued.wait()
            works: list[_Work] = []
            count = 0
            while self._queue and (not works or count + len(self._queue[0].frames) <= FRAMES_PER_BATCH):
                works.append(self._queue.pop(0))
                count += len(works[-1].frames)
            if not self._queue:
                self._queued = trio.Event()
            batches = await self._decode([frame for work in works for frame in work.frames])
            batches[-1].after = partial(_tell, works)
            for item in batches:
                await send.send(item)

    async def _wake(self, send: trio.MemorySendChannel[Decoded]) -> None:
        """Have fetched repositories returned also while no frame comes along."""
        while True:
            await trio.sleep(WAKE_INTERVAL)
            if self.resync.ready:
                await send.send((await self._decode([]))[0])

    async def _decode(self, frames: list[bytes]) -> list[Decoded]:
        """One batch, or several where one would need too many waves."""
        made = []
        decode = partial(door.decode, keep_unknown=self._settings.keep_unknown_collections)
        while True:
            batch = await trio.to_thread.run_sync(decode, frames)
            if batch.error is not None:
                # Ours are well-formed, and the held ones were decoded before.
                raise batch.error
            made.append(Decoded(batch, "", time.time(), sum(map(len, frames)), proven=True))
            frames = frames[batch.taken :]
            if not frames:
                return made


async def _tell(works: list[_Work]) -> None:
    for work in works:
        work.durable.set()


def _leaves_hole(drop: Drop) -> bool:
    """Whether a refused commit means that our copy lacks something. What the gate held back is in hand
    already.
    """
    return (
        drop.actor > 0
        and drop.reason != "desynchronized"
        and consequence(drop.reason, refreshed=True) is Consequence.RESYNCHRONIZE
    )
