"""Bringing repositories back in step: the automaton of the sync specification ("Record-Level
Synchronization").

desynchronized -> in progress (its commits are held) -> fetched (rows durable) -> released (held commits run)
-> synchronized

Owns: which repositories wait, when each is tried, the commits that arrive meanwhile, and the bounds on all of
it. What is forgotten for lack of room is still marked in the database and found again by `load`. Knows no
frames' insides: it takes them from the batch's gate and gives them back to be run through it again, where
those that the fetched repository already contains are refused as replays.

One event loop; `request`, `hold`, `release` are called from the task that gates batches.
"""

from __future__ import annotations

import heapq
import itertools
import random
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

import anyio
import structlog

from indexer.errors import HostUnavailable, IdentityNotFound, StoreError, UpstreamError
from indexer.sync.export import Export, Exporter
from indexer.sync.pds import RepositoryUnavailable
from indexer.sync.policy import RepositoryState

logger = structlog.get_logger("indexer.sync")

FIRST_RETRY = 5.0
LONGEST_RETRY = 6 * 3600.0
GONE_RETRY = 6 * 3600.0
"""Seconds until a repository that its host does not give out is asked for again."""
LOAD_INTERVAL = 30.0
"""Seconds between two looks into the database for repositories that wait and are not in memory."""
REFILL_INTERVAL = 0.5
"""The same while more of them are known to be there."""
LOADED_AT_ONCE = 10_000
GIVEN_UP_AFTER = 3
CALM = 3600.0
"""Seconds without a fetch after which a repository counts as one that stays in step."""
REMEMBERED = 20_000
"""Repositories whose last fetches are remembered."""
FRAMES_PER_APPLY = 50
"""Frames (10,000 operations) that are made durable together."""


class Released(NamedTuple):
    """A repository whose rows stand at (`rev`, `data`), and the commits that were held meanwhile, in order."""

    did: str
    actor: int
    rev: int
    data: bytes
    frames: Sequence[bytes]


class Statistics(NamedTuple):
    """Repositories that wait, are being fetched, were fetched since the start; failed attempts; bytes of held
    commits.

    `unreachable`: those of `waiting` that were tried GIVEN_UP_AFTER times in vain (they are tried on, but
    rarely). `more`: the database may have more of them than there was room for here.
    """

    waiting: int
    in_progress: int
    fetched: int
    failed: int
    held_bytes: int
    unreachable: int
    more: bool


@dataclass(frozen=True, slots=True)
class ResyncLimits:
    """workers: repositories fetched at once. waiting: repositories in memory. held_bytes, held_bytes_each:
    commits held for all and for one repository; one that exceeds it is fetched again instead.
    """

    workers: int = 4
    waiting: int = 100_000
    held_bytes: int = 64 * 2**20
    held_bytes_each: int = 4 * 2**20


class _Step(Enum):
    WAITING = 0
    IN_PROGRESS = 1
    FETCHED = 2
    RELEASED = 3


@dataclass(slots=True)
class _Task:
    did: str
    actor: int
    step: _Step = _Step.WAITING
    attempts: int = 0
    tries: int = 0
    due: float = 0.0
    rev: int = 0
    data: bytes = b""
    held: list[bytes] = field(default_factory=list)
    held_bytes: int = 0
    overflowed: bool = False


class Resynchronizer:
    """Fetches repositories that lost their connection to the stream.

    `apply` takes frames made here and returns when their rows are durable; they must be neither gated nor
    verified. `save_state` stores a repo.state for an actor id. `load` gives up to so many (DID, actor id)
    whose stored state is not synchronized. `clock`: seconds that never go back.
    """

    def __init__(
        self,
        exporter: Exporter,
        *,
        suspend: Callable[[str, int], Awaitable[None]],
        apply: Callable[[list[bytes]], Awaitable[None]],
        save_state: Callable[[int, RepositoryState], Awaitable[None]],
        load: Callable[[int], Awaitable[Sequence[tuple[str, int]]]],
        limits: ResyncLimits | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._exporter = exporter
        self._suspend = suspend
        self._apply = apply
        self._save_state = save_state
        self._load = load
        self._limits = limits or ResyncLimits()
        self._clock = clock
        self._tasks: dict[str, _Task] = {}
        self._due: list[tuple[float, int, str]] = []
        self._order = itertools.count()
        self._fetched: list[_Task] = []
        self._held_bytes = 0
        self._last: OrderedDict[str, tuple[float, int]] = OrderedDict()
        self._counts = {"fetched": 0, "failed": 0}
        self._wake = anyio.Event()
        self._more = False

    # --- the side of the gate ------------------------------------------------------------------------------------

    def request(self, did: str, actor: int) -> None:
        """Have a repository fetched: an event of it did not connect, and the batch that says so is durable.

        Asking again changes nothing, unless the repository was released since: then it is fetched anew.
        """
        task = self._tasks.get(did)
        if task is None:
            if len(self._tasks) < self._limits.waiting:
                self._tasks[did] = task = _Task(did, actor)
                self._schedule(task, self._not_before(did))
            else:
                self._more = True
        elif task.step is _Step.RELEASED:
            self._start_over(task, self._not_before(did))

    def hold(self, did: str, frame: bytes) -> None:
        """Keep a frame that the gate held back, in order of arrival.

        While the repository still waits, nothing needs keeping: its host gives out a state that is later.
        """
        task = self._tasks.get(did)
        if task is None or task.step in (_Step.WAITING, _Step.RELEASED) or task.overflowed:
            return
        if (
            task.held_bytes + len(frame) > self._limits.held_bytes_each
            or self._held_bytes + len(frame) > self._limits.held_bytes
        ):
            self._drop_held(task)
            task.overflowed = True
            return
        task.held.append(frame)
        task.held_bytes += len(frame)
        self._held_bytes += len(frame)

    def release(self) -> list[Released]:
        """The repositories that were fetched since the last call.

        The caller sets each account to (rev, data, synchronized) and runs the frames through the gate before
        any later event of the account; when they are durable it calls `settle`.
        """
        released = []
        for task in self._fetched:
            if task.overflowed:
                self._start_over(task, self._clock() + FIRST_RETRY)
                continue
            released.append(Released(task.did, task.actor, task.rev, task.data, task.held))
            task.step = _Step.RELEASED
            task.held = []
            self._held_bytes -= task.held_bytes
            task.held_bytes = 0
        self._fetched = []
        return released

    async def settle(self, released: Iterable[Released]) -> None:
        """Note that the frames of released repositories are durable: those that did not come apart again
        (`request` is called before) are synchronized. Until here a crash leaves them marked, and they are
        fetched again.
        """
        for repository in released:
            task = self._tasks.get(repository.did)
            if task is not None and task.step is _Step.RELEASED:
                await self._save_state(repository.actor, RepositoryState.SYNCHRONIZED)
                del self._tasks[repository.did]

    @property
    def ready(self) -> bool:
        """Whether `release` would give something."""
        return bool(self._fetched)

    def statistics(self) -> Statistics:
        """How much waits and how much was done."""
        steps = [task.step for task in self._tasks.values()]
        unreachable = [
            task
            for task in self._tasks.values()
            if task.tries >= GIVEN_UP_AFTER and task.step is _Step.WAITING
        ]
        return Statistics(
            steps.count(_Step.WAITING),
            steps.count(_Step.IN_PROGRESS),
            self._counts["fetched"],
            self._counts["failed"],
            self._held_bytes,
            len(unreachable),
            self._more,
        )

    # --- the side of the workers ---------------------------------------------------------------------------------

    async def run(self) -> None:
        """Fetch what waits until cancelled."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._refill)
            for _ in range(self._limits.workers):
                tasks.start_soon(self._work)

    async def _refill(self) -> None:
        next_look = 0.0
        while True:
            room = self._limits.waiting - len(self._tasks)
            if room > 0 and (self._more or self._clock() >= next_look):
                await self._load_waiting(min(room, LOADED_AT_ONCE))
                next_look = self._clock() + LOAD_INTERVAL
            await anyio.sleep(REFILL_INTERVAL)

    async def _load_waiting(self, wanted: int) -> None:
        try:
            # Those in memory wait in the database too, so that one asks for that many more.
            found = await self._load(wanted + len(self._tasks))
        except StoreError as error:
            logger.warning("cannot look for repositories that wait", error=str(error))
            return
        new = [(did, actor) for did, actor in found if did not in self._tasks]
        for did, actor in new[:wanted]:
            self.request(did, actor)
        self._more = len(new) >= wanted

    async def _work(self) -> None:
        while True:
            await self._attempt(await self._next())

    async def _next(self) -> _Task:
        """The next repository whose time has come, in progress from here on."""
        while True:
            now = self._clock()
            if self._due and self._due[0][0] <= now:
                due, _, did = heapq.heappop(self._due)
                task = self._tasks.get(did)
                # An older entry of a repository that was given another time since means nothing.
                if task is not None and task.step is _Step.WAITING and task.due == due:
                    task.step = _Step.IN_PROGRESS
                    task.overflowed = False
                    return task
                continue
            with anyio.move_on_after(self._due[0][0] - now if self._due else LOAD_INTERVAL):
                await self._wake.wait()

    async def _attempt(self, task: _Task) -> None:
        try:
            await self._save_state(task.actor, RepositoryState.IN_PROGRESS)
            await self._suspend(task.did, task.actor)
            export = await self._exporter.fetch(task.did, task.actor)
            await self._store(export)
        except HostUnavailable as error:
            # The host's trouble, not this repository's.
            task.attempts -= 1
            self._fail(task, error, max(0.0, error.until - self._clock()) + random.uniform(0.0, 1.0))
        except (RepositoryUnavailable, IdentityNotFound) as error:
            task.tries = GIVEN_UP_AFTER
            self._fail(task, error, GONE_RETRY * random.uniform(0.75, 1.25))
        except (UpstreamError, StoreError) as error:
            self._fail(task, error, _growing(FIRST_RETRY, task.attempts) * random.uniform(0.75, 1.25))
        else:
            task.rev, task.data = export.rev, export.data
            task.step = _Step.FETCHED
            self._fetched.append(task)
            self._remember(task.did)
            self._counts["fetched"] += 1
            logger.info(
                "repository fetched",
                did=task.did,
                rev=export.rev,
                changes=export.changes,
                held=len(task.held),
            )

    async def _store(self, export: Export) -> None:
        part: list[bytes] = []
        for frame in export.frames:
            part.append(frame)
            if len(part) == FRAMES_PER_APPLY:
                await self._apply(part)
                part = []
        if part:
            await self._apply(part)

    def _fail(self, task: _Task, error: Exception, seconds: float) -> None:
        self._counts["failed"] += 1
        task.attempts += 1
        task.tries += 1
        logger.warning("repository not fetched", did=task.did, error=str(error), retry_in=round(seconds))
        self._start_over(task, self._clock() + seconds)

    def _remember(self, did: str) -> None:
        """Count the fetches of a repository that follow close upon each other."""
        now = self._clock()
        before, times = self._last.pop(did, (now, 0))
        self._last[did] = (now, times + 1 if now - before < CALM else 1)
        if len(self._last) > REMEMBERED:
            self._last.popitem(last=False)

    def _not_before(self, did: str) -> float:
        """When a repository may be fetched again: at once the first time, later and later where it keeps
        coming apart.
        """
        last, times = self._last.get(did, (0.0, 0))
        return last + _growing(FIRST_RETRY, times - 1) if times > 1 else 0.0

    def _start_over(self, task: _Task, due: float) -> None:
        self._drop_held(task)
        task.step = _Step.WAITING
        self._schedule(task, due)

    def _drop_held(self, task: _Task) -> None:
        self._held_bytes -= task.held_bytes
        task.held = []
        task.held_bytes = 0

    def _schedule(self, task: _Task, due: float) -> None:
        task.due = due
        heapq.heappush(self._due, (due, next(self._order), task.did))
        self._wake.set()
        self._wake = anyio.Event()


def _growing(first: float, times: int) -> float:
    """Seconds that double with each time, up to LONGEST_RETRY."""
    return float(min(LONGEST_RETRY, first * 2.0 ** min(times, 16)))
