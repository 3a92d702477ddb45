"""How many frames become one batch: few while nobody works on one, many while the stages behind are busy.

A batch costs some 40 statements whatever it holds, so that large ones cost least an event; but the first frames of a
burst should not wait for the last ones. Owns that decision and the joining of lists; knows nothing of what frames mean.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import AsyncGenerator
from math import inf

import trio

from indexer.firehose.batch import FrameBatch

WAITED = 5.0
"""Frames times the seconds for which they waited that are worth a batch, while none is under way. (What waits grows
with the square of the time, and a batch costs what it costs, so that it pays to wait for sqrt(WAITED / rate) seconds:
50 ms at 2,000 frames a second, 7 ms at 100,000.)"""
GROWTH = 3
"""How many times larger than the batch under way the next one has to be, to be made ready before its time."""
AHEAD = 2
"""While so many batches are under way (one is written, the next one made ready), one more waits until it is full."""


class Joiner:
    """Joins lists of frames into batches, for all sources of one pipeline.

    A batch is full with `events` frames or `size` bytes. It is handed over before that where fewer than AHEAD batches
    are under way: `seconds` after its first frame arrived, or earlier where it has grown beside a smaller one (GROWTH),
    or where nothing is under way and enough of it waits (WAITED).
    """

    def __init__(self, *, events: int, size: int, seconds: float) -> None:
        self._events = events
        self._size = size
        self._seconds = seconds
        self._under_way: deque[tuple[int, bool]] = (
            deque()
        )  # frames, and whether they fill more than half a batch
        self._waiting: set[trio.CancelScope] = set()

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way."""
        return not self._under_way

    @property
    def is_catching_up(self) -> bool:
        """Whether a batch is under way that is more than half full, so that the stream waits for us."""
        return any(is_large for _, is_large in self._under_way)

    def begun(self, frames: int, size: int) -> None:
        """A batch of so many frames and bytes is under way."""
        self._under_way.append((frames, frames * 2 > self._events or size * 2 > self._size))

    def ended(self) -> None:
        """The batch that is under way for the longest is durable."""
        self._under_way.popleft()
        for scope in self._waiting:
            scope.cancel()

    async def join(
        self, receive: trio.MemoryReceiveChannel[FrameBatch]
    ) -> AsyncGenerator[tuple[list[bytes], FrameBatch], None]:
        """The frames of `receive` in batches, each of one connection, with the list that its first frame came in."""
        ahead: FrameBatch | None = None
        while True:
            try:
                first = ahead or await receive.receive()
            except trio.EndOfChannel:
                return
            frames, ahead = list(first.frames), None
            size = sum(map(len, frames))
            waited = max(0.0, time.time() - first.received_at)
            since = trio.current_time() - min(waited, self._seconds)
            while not self._is_due(len(frames), size, since):
                try:
                    following = await self._receive(receive, self._due_at(len(frames), since))
                except trio.EndOfChannel:
                    break
                if following is None:
                    continue
                if following.connection != first.connection:
                    ahead = following
                    break
                frames += following.frames
                size += sum(map(len, following.frames))
            yield frames, first
            del frames  # not kept while the next ones are waited for

    def _is_due(self, frames: int, size: int, since: float) -> bool:
        if frames >= self._events or size >= self._size:
            return True
        under_way = sum(begun for begun, _ in self._under_way)
        grown = len(self._under_way) < AHEAD and 0 < GROWTH * under_way <= frames
        return grown or trio.current_time() >= self._due_at(frames, since)

    def _due_at(self, frames: int, since: float) -> float:
        """When so many frames are due, if no other comes and nothing that is under way ends."""
        if len(self._under_way) >= AHEAD:
            return inf
        return since + (self._seconds if self._under_way else min(self._seconds, WAITED / max(frames, 1)))

    async def _receive(
        self, receive: trio.MemoryReceiveChannel[FrameBatch], due_at: float
    ) -> FrameBatch | None:
        """The next list; None at `due_at`, or when a batch is durable, which may change that time. Loses nothing:
        receiving is atomic under cancellation.
        """
        with trio.CancelScope(deadline=due_at) as scope:
            self._waiting.add(scope)
            try:
                return await receive.receive()
            finally:
                self._waiting.discard(scope)
        return None
