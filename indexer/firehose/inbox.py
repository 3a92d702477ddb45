"""Messages between a connection's reader and its consumer, bounded by bytes.

Owns the hand-over: the reader stops when the bound is reached, so that back-pressure reaches the socket; the
consumer takes everything that waits at once, so that a slow consumer gets larger batches and not more of
them.
"""

from __future__ import annotations

import time
from collections import deque

import trio


class Inbox:
    """A queue of messages with one writer and one reader task; `max_bytes` may be exceeded by what one read
    brought."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._lists: deque[list[bytes]] = deque()
        self._sizes: deque[int] = deque()
        self._arrivals: deque[float] = deque()
        self._end: Exception | None = None
        self._stopped = False
        self._wake = trio.Event()
        # How much must wait before the consumer is woken: a task switch for every read would cost more than the read.
        self._wake_frames = self._wake_bytes = 1
        self._room = trio.Event()
        self.waiting_bytes = 0
        self.waiting_frames = 0

    def put(self, messages: list[bytes], size: int) -> None:
        """Append messages of `size` bytes in all. The list belongs to the inbox from now on."""
        if self._stopped:
            return
        self._lists.append(messages)
        self._sizes.append(size)
        self._arrivals.append(time.time())
        self.waiting_bytes += size
        self.waiting_frames += len(messages)
        if self._enough:
            self._wake.set()

    def stop(self) -> None:
        """Nothing is taken any more: forget what waits and what comes, so that the writer never waits."""
        self._stopped = True
        self._lists.clear()
        self._sizes.clear()
        self._arrivals.clear()
        self.waiting_bytes = self.waiting_frames = 0
        self._room.set()

    @property
    def full(self) -> bool:
        return self.waiting_bytes >= self._max_bytes

    async def room(self) -> None:
        """Wait until fewer than `max_bytes` wait."""
        while self.full:
            self._room = trio.Event()
            await self._room.wait()

    def end(self, error: Exception) -> None:
        """Nothing comes any more: `take` raises `error` when the waiting messages are taken. Only the first
        call counts."""
        if self._end is None:
            self._end = error
        self._wake.set()

    async def take(self, max_frames: int, max_bytes: int, wait: float) -> tuple[list[bytes], int, float]:
        """The messages that wait, at least one: up to about `max_frames` or `max_bytes` (whole reads are not
        torn), or those that came within `wait` seconds of the first; their size, and when the first arrived
        (seconds since 1970). Raises what `end` was given once nothing is left."""
        if not self._lists:
            await self._until(1, 1)
        if not self._lists:
            assert self._end is not None
            raise self._end
        with trio.move_on_after(wait):
            await self._until(max_frames, max_bytes)
        return self._pop(max_frames, max_bytes)

    async def _until(self, frames: int, size: int) -> None:
        """Wait until so many frames or bytes wait, or the inbox is full or ended."""
        self._wake_frames, self._wake_bytes = frames, min(size, self._max_bytes)
        if self._end is None and not self._enough:
            self._wake = trio.Event()
            await self._wake.wait()

    @property
    def _enough(self) -> bool:
        return self.waiting_frames >= self._wake_frames or self.waiting_bytes >= self._wake_bytes

    def _pop(self, max_frames: int, max_bytes: int) -> tuple[list[bytes], int, float]:
        messages = self._lists.popleft()
        size = self._sizes.popleft()
        arrived = self._arrivals.popleft()
        while self._lists and len(messages) < max_frames and size < max_bytes:
            messages += self._lists.popleft()
            size += self._sizes.popleft()
            self._arrivals.popleft()
        self.waiting_bytes -= size
        self.waiting_frames -= len(messages)
        if not self.full:
            self._room.set()
        return messages, size, arrived
