"""The one writer of the cache: moves committed changes to Redis and fills the timelines that readers ask for.

Runs on the asyncio side of the ingest process. `apply` is called after each commit, in commit order; `run` is a
background task beside it. Nothing here ever fails the ingest: while Redis does not answer, the epoch is given up and
a new one begins when it answers again, so that a gap in what was sent can never be read.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha1
from typing import Protocol

import structlog
from redis.exceptions import ResponseError

from indexer.cache import keys
from indexer.cache.changes import EVERYTHING, Changes, changes_of, publish, tell
from indexer.cache.client import CacheClient, bulk, is_ending
from indexer.cache.counts import CountWriter
from indexer.cache.timelines import FanOut, Spread
from indexer.errors import CacheError
from indexer.records.collections import FOLLOW, POST, REPOST
from indexer.store.deltas import Deltas, Detail
from indexer.store.home import HomeTimeline

log = structlog.get_logger(__name__)

TIMELINE_LENGTH = 800
TRIM_SLACK = 100
"""A timeline is cut back to TIMELINE_LENGTH when it has grown by this much, not at each item."""

SLICE = 1_000
"""Timelines that one round trip changes, about."""

_LIMITS = b"".join(
    map(bulk, (keys.FLOOR_MEMBER, b"%d" % TIMELINE_LENGTH, b"%d" % (TIMELINE_LENGTH + TRIM_SLACK)))
)

HURRIED_SECONDS = 2.0
"""How long after a hurried commit, without another, the next is not expected to be one."""

EXPECTED_SECONDS = 60.0
"""How long after a reader came commits are made with their details, whether a timeline is cached by then or not."""


class TimelineSource(Protocol):
    """What the writer reads from Postgres to fill a timeline."""

    async def follows(self, viewer: int) -> list[int]:
        """The ids of the accounts that `viewer` follows."""

    async def timeline(self, viewer: int, count: int) -> HomeTimeline:
        """The newest `count` items of the viewer's home timeline, read after this call began."""


@dataclass(slots=True)
class CacheWriterStatus:
    """Figures for metrics and health."""

    epoch: str | None = None
    timelines: int = 0
    fills: int = 0
    items_sent: int = 0
    epochs: int = 0
    last_error: str | None = None


class CacheWriter:
    """Owns the epoch and the cached timelines in Redis, and tells of changes. One per database."""

    def __init__(
        self,
        client: CacheClient,
        source: TimelineSource,
        *,
        sent: Callable[[Sequence[float], int], None] = lambda received, items: None,
        unread_seconds: float = keys.TIMELINE_SECONDS / 2,
        fill_concurrency: int = 4,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`sent` is called with the `received_at` of commits when the timelines have what they brought, and with how
        many items that were. `unread_seconds`: a timeline that was not read for so long is given up.
        """
        self._client = client
        self._source = source
        self._sent = sent
        self._unread_seconds = unread_seconds
        self._fills = asyncio.Semaphore(fill_concurrency)
        self._filling: dict[int, asyncio.Task[None]] = {}
        self._clock = clock
        self._fan_out = FanOut()
        self._counts = CountWriter()
        self._fill_script = client.script("fill_timeline")
        self._add_item_text = client.text("add_item")
        self._add_item = bulk(b"EVALSHA") + bulk(sha1(self._add_item_text.encode()).hexdigest().encode())
        self._server: str | None = None
        self._listeners = 0
        self._in_order = asyncio.Lock()  # timelines are sent to, filled and dropped one after the other
        self._marking = asyncio.Lock()  # `sent` is set and taken away one after the other
        self._changed = asyncio.Event()
        self._received: list[float] = []
        self._number = 0
        self._left: list[int] = []  # whose timelines are in Redis still, and are sent nothing any more
        self._counted = 0  # of items_sent: told to `sent`
        self._expected_until = self._hurried_until = -math.inf
        self.status = CacheWriterStatus()

    async def run(self) -> None:
        """Renew the epoch, take up what readers asked for, give up what nobody reads; until cancelled."""
        sending = asyncio.create_task(self._send_changes())
        try:
            while not is_ending():
                with contextlib.suppress(CacheError):
                    await self._renew()
                    await self._drop_left()
                    await self._take_up_reads()
                    await self._give_up_unread()
                await asyncio.sleep(0.1)
        finally:
            sending.cancel()
            for task in self._filling.values():
                task.cancel()
            await asyncio.gather(sending, *self._filling.values(), return_exceptions=True)
            await self._end_epoch()

    def wants_details(self, *, hurried: bool) -> Detail:
        """Which of the next commit's counts and rows are of use to anybody.

        `hurried`: commits follow each other so fast that API workers are better told that everything changed. Then
        nothing is sent to the timelines either, and no reader believes them, until that is over or too much waits.
        """
        self._hurried_until = self._clock() + HURRIED_SECONDS if hurried else -math.inf
        if hurried:
            return Detail.ROWS if len(self._fan_out) else Detail.NONE
        return Detail.ALL if self._keeps_something or self._listeners else Detail.NONE

    @property
    def _is_hurried(self) -> bool:
        return self._clock() < self._hurried_until

    def _is_behind(self) -> bool:
        """Whether timelines in Redis lack something for longer than it takes to send it."""
        return bool(self._left) or (self._is_hurried and self._fan_out.is_waiting)

    @property
    def _keeps_something(self) -> bool:
        return len(self._fan_out) > 0 or self._clock() < self._expected_until

    async def apply(self, deltas: Deltas, received_at: float = 0.0) -> None:
        """Take up what one committed transaction changed: tell of it now, and send it to the timelines soon.

        `received_at`: see `sent`. Never raises CacheError: a failure ends the epoch instead.
        """
        if not deltas.complete:
            if self.status.epoch is not None:
                with contextlib.suppress(CacheError):
                    await self._tell_of(self.status.epoch, deltas, EVERYTHING)
            self._lose_epoch(CacheError("what the last commit changed is not known"))
            return
        if deltas.detail is Detail.NONE and len(self._fan_out):
            # a reader came while this commit was under way; from now on commits are made with their details
            self._forget_all()
        unfollowed: list[int] = []
        for change in deltas.changes if len(self._fan_out) else ():
            if change.kind == FOLLOW:
                if self._fan_out.forget(change.actor):
                    unfollowed.append(change.actor)
            elif change.kind in (POST, REPOST) and self._fan_out.is_watched_author(change.actor):
                member = keys.item_member(change.key, change.actor, change.kind == REPOST)
                if change.added and change.sort_at is not None:
                    self._fan_out.add(change.actor, member, change.sort_at)
                else:
                    self._fan_out.remove(change.actor, member)
        await self._drop_timelines(unfollowed)
        if self._is_hurried and self._fan_out.is_too_much:
            self._forget_all()
        epoch = self.status.epoch
        if epoch is None:
            return
        try:
            # while nobody listens, what exactly changed need not be made out
            known = self._listeners and deltas.detail is Detail.ALL
            changes = changes_of(deltas) if known else EVERYTHING
            self._number = max(self._number + 1, time.time_ns() // 1000)
            self._listeners = await self._tell_of(epoch, deltas, changes)
        except CacheError as error:
            self._lose_epoch(error)
            return
        self._received.append(received_at)
        self._changed.set()

    async def _tell_of(self, epoch: str, deltas: Deltas, changes: Changes) -> int:
        """Send a commit's counts and then, behind them, its message: who has heard of a commit finds its counts."""
        lacking = self._is_behind()
        async with (
            self._marking if lacking else contextlib.nullcontext(),
            self._client.pipeline() as pipeline,
        ):
            self._counts.send(pipeline, epoch, deltas)
            if lacking:
                pipeline.delete(keys.sent(epoch))  # until what waits is sent, no timeline is believed
            publish(pipeline, changes, epoch, self._number)
            answers = await pipeline.execute()
        return int(answers[-1])

    @property
    def is_idle(self) -> bool:
        """Whether everything that was committed has been sent."""
        return not (self._changed.is_set() or self._fan_out.is_waiting or self._in_order.locked())

    async def _forget(self, viewers: list[int]) -> None:
        for viewer in viewers:
            self._fan_out.forget(viewer)
        await self._drop_timelines(viewers)

    def _forget_all(self) -> None:
        """Give up every timeline, and what waits for them. Until they are gone nothing says that they are complete."""
        self._left += self._fan_out.viewers
        self._fan_out.clear()
        self.status.timelines = 0

    async def _drop_left(self) -> None:
        """Take out of Redis what `_forget_all` has left there: not while the stream is caught up with, which needs the
        processor more.
        """
        epoch = self.status.epoch
        while self._left and not self._is_hurried:
            part = self._left[:SLICE]
            await self._drop_timelines(part)
            if self.status.epoch != epoch:
                return  # then no timeline is left
            del self._left[: len(part)]

    async def account_changed(self, actor: int) -> None:
        """Tell of an account that changed outside of a batch: its identity was looked at."""
        await self._tell(Changes(accounts=[actor]))

    async def _tell(self, changes: Changes) -> None:
        if self.status.epoch is not None:
            try:
                await tell(self._client, changes, self.status.epoch)
            except CacheError as error:
                self._lose_epoch(error)

    # --- the epoch -----------------------------------------------------------------------------------------------

    async def _renew(self) -> None:
        epoch = self.status.epoch
        if epoch is None:
            epoch = secrets.token_hex(4)
            self._server = await self._server_run()
            async with self._client.pipeline() as pipeline:
                pipeline.set(keys.EPOCH, epoch, ex=keys.EPOCH_SECONDS)
                pipeline.script_load(self._add_item_text)
                # what was committed before, the timelines of this epoch find in Postgres
                pipeline.set(keys.sent(epoch), self._number, ex=keys.TIMELINE_SECONDS)
                await pipeline.execute()
            self.status.epoch = epoch
            self.status.epochs += 1
            await self._tell(EVERYTHING)  # what was committed without an epoch was not told
            log.info("cache epoch begins", epoch=epoch)
            return
        try:
            async with self._client.commands() as redis:
                kept = await redis.getex(keys.EPOCH, ex=keys.EPOCH_SECONDS)
            server = await self._server_run()
        except CacheError as error:
            self._lose_epoch(error)
            raise
        if self.status.epoch != epoch:  # it ended while we asked
            return
        # what is cached under our epoch may be incomplete
        if kept != epoch.encode():
            self._lose_epoch(CacheError("the epoch key was lost"))  # wiped, expired, taken over
        elif server != self._server:
            self._lose_epoch(CacheError("the server began anew, or another has taken its place"))

    async def _server_run(self) -> str | None:
        """What is another after a restart, from which a server that writes to disk may come without the last second;
        None where we may not know.
        """
        async with self._client.commands() as redis:
            try:
                found = await redis.info("server")
            except ResponseError:  # of a hosted server not everybody may ask
                return None
        return str(found.get("run_id"))

    def _lose_epoch(self, error: CacheError) -> None:
        if self.status.epoch is not None:
            log.warning("cache epoch ends", epoch=self.status.epoch, error=str(error))
        self.status.epoch = None
        self.status.last_error = str(error)
        self.status.timelines = 0
        self._fan_out.clear()
        self._left.clear()
        self._counts.lost()
        self._received.clear()
        for task in self._filling.values():
            task.cancel()

    async def _end_epoch(self) -> None:
        if self.status.epoch is not None:
            with contextlib.suppress(CacheError):
                async with self._client.commands() as redis:
                    await redis.delete(keys.EPOCH)
            self.status.epoch = None

    # --- timelines -----------------------------------------------------------------------------------------------

    async def _take_up_reads(self) -> None:
        epoch = self.status.epoch
        if epoch is None:
            return
        try:
            async with self._client.pipeline() as pipeline:
                # who reads while the stream is caught up with, finds its timeline in Postgres
                pipeline.spop(keys.timeline_reads(epoch), 0 if self._is_hurried else 10_000)
                pipeline.exists(keys.counts_wanted(epoch))
                pipeline.expire(keys.sent(epoch), keys.TIMELINE_SECONDS)
                self._counts.renew(pipeline, epoch)
                readers, counts_wanted, *_ = await pipeline.execute()
        except CacheError as error:
            self._lose_epoch(error)  # what was sent may still come, at any time
            raise
        if self.status.epoch != epoch:
            return
        self._counts.wanted(bool(counts_wanted))
        if readers:
            self._expected_until = self._clock() + EXPECTED_SECONDS
        for reader in readers or ():
            viewer = int(reader)
            if not self._fan_out.read(viewer, self._clock()) and viewer not in self._filling:
                task = asyncio.create_task(self._fill(epoch, viewer))
                self._filling[viewer] = task
                task.add_done_callback(partial(self._filled, viewer))

    def _filled(self, viewer: int, task: asyncio.Task[None]) -> None:
        del self._filling[viewer]
        if not task.cancelled():
            task.result()  # what is not a CacheError is our bug or a lost database: let the loop report it

    async def _fill(self, epoch: str, viewer: int) -> None:
        async with self._fills:
            filled = False
            try:
                filled = await self._fill_watched(epoch, viewer)
            except CacheError as error:
                self._lose_epoch(error)
            finally:
                if not filled:
                    self._fan_out.forget(viewer)
            if not filled:
                await self._drop_timelines([viewer])

    async def _fill_watched(self, epoch: str, viewer: int) -> bool:
        """Watch first, then read: a commit before the read is in what Postgres answers, a later one is fanned out.
        False: the follows changed or the epoch ended meanwhile; the viewer's next read asks again.
        """
        follows = await self._source.follows(viewer)
        if self._left:  # this one's timeline may be among them, which is not to be added to
            return False
        address = bulk(keys.timeline(epoch, viewer).encode())
        self._fan_out.watch(viewer, address, follows, self._clock())
        if sorted(await self._source.follows(viewer)) != sorted(follows):
            return False
        content = await self._source.timeline(viewer, TIMELINE_LENGTH)
        entries: list[bytes | int] = []
        for key, actor, is_repost, sort_at in content.items:
            entries += (sort_at, keys.item_member(key, actor, is_repost))
        async with self._in_order, self._client.commands():
            if epoch != self.status.epoch or viewer not in self._fan_out:
                return False
            await self._fill_script(
                keys=[keys.timeline(epoch, viewer)],
                args=[keys.FLOOR_MEMBER, content.floor, keys.TIMELINE_SECONDS, *entries],
            )
        self.status.fills += 1
        self.status.timelines = len(self._fan_out)
        return viewer in self._fan_out

    async def _give_up_unread(self) -> None:
        await self._forget(self._fan_out.unread(self._clock() - self._unread_seconds))

    async def _drop_timelines(self, viewers: Sequence[int]) -> None:
        self.status.timelines = len(self._fan_out)
        if not viewers:
            return
        # in order: what is being sent to them now must not come after, and be found by the next fill
        async with self._in_order:
            epoch = self.status.epoch
            if epoch is None:
                return
            try:
                async with self._client.pipeline() as pipeline:
                    pipeline.unlink(*(keys.timeline(epoch, viewer) for viewer in viewers))
                    await pipeline.execute()
            except CacheError as error:
                self._lose_epoch(error)

    # --- sending -------------------------------------------------------------------------------------------------

    async def _send_changes(self) -> None:
        """Send what waits, a slice at a time, so that nothing waits long for it; until cancelled."""
        while not is_ending():
            await self._changed.wait()
            if self._is_behind():  # what waits goes when the stream has been caught up with
                await self._mark()
                await asyncio.sleep(HURRIED_SECONDS / 20)
                continue
            self._changed.clear()
            received, self._received = self._received, []
            number = self._number
            while self._fan_out.is_waiting and self.status.epoch is not None and not self._is_hurried:
                try:
                    async with self._in_order:
                        await self._send(self._fan_out.take(SLICE))
                except CacheError as error:
                    self._lose_epoch(error)
            if self._is_behind():
                self._received[:0] = received
                self._changed.set()
                continue
            await self._mark(number)
            self._sent(received, self.status.items_sent - self._counted)
            self._counted = self.status.items_sent

    async def _mark(self, number: int | None = None) -> None:
        """Say that all timelines have what was committed up to `number`; or, where something waits for longer, that
        none is to be believed.
        """
        try:
            async with self._marking:
                epoch = self.status.epoch
                if epoch is None:
                    return
                async with self._client.commands() as redis:
                    if self._is_behind():
                        await redis.delete(keys.sent(epoch))
                    elif number is not None:
                        await redis.set(keys.sent(epoch), number, ex=keys.TIMELINE_SECONDS)
        except CacheError as error:
            self._lose_epoch(error)

    async def _send(self, spreads: list[Spread]) -> None:
        commands = []
        for addresses, member, sort_at in spreads:
            count = len(addresses)
            score = b"" if sort_at is None else b"%d" % sort_at
            commands.append(
                b"".join(
                    (
                        b"*%d\r\n" % (count + 8),
                        self._add_item,
                        bulk(b"%d" % count),
                        *addresses,
                        bulk(member),
                        bulk(score),
                        _LIMITS,
                    )
                )
            )
            self.status.items_sent += count
        if commands:
            await self._client.send(commands)
