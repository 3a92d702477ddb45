"""What a subscriber of the simulated firehose can be sent: a live window of frames, or a file of them.

Owns the cursor rules (sync specification; `com.atproto.sync.subscribeRepos` lexicon) and the framing as WebSocket
messages, which is done for many frames at once: a server that shares its cores with the program under test must be
cheap.
"""

from __future__ import annotations

import struct
import sys
from bisect import bisect_right
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Protocol

import trio

from indexer._fastpath.framesfile import MessageMaker

from .events import error_frame, info_frame
from .files import FrameBytes, sequence_of

CHUNK_BYTES = 1 << 19
WINDOW_BYTES = 256 << 20
GROUPS_PER_SECOND = 100
"""How often a stream at a given rate sends; in between, frames wait."""


class Stream(Protocol):
    """A source of frames for any number of subscribers."""

    def subscribe(self, cursor: int | None) -> AsyncGenerator[bytes, None]:
        """Chunks of ready WebSocket messages from the cursor on; ends when the connection is to be closed."""
        ...


def websocket_message(frame: bytes) -> bytes:
    """The head of an unmasked, unfragmented binary message, and its content (RFC 6455, section 5.2)."""
    length = len(frame)
    if length < 126:
        return bytes((0x82, length)) + frame
    if length < 65536:
        return struct.pack(">BBH", 0x82, 126, length) + frame
    return struct.pack(">BBQ", 0x82, 127, length) + frame


class LiveStream:
    """The latest frames, kept up to a number of bytes; subscribers wait for more."""

    def __init__(self, window_bytes: int = WINDOW_BYTES) -> None:
        self.window_bytes = window_bytes
        self.subscribers = 0
        self.waiting = 0
        self._messages: list[bytes] = []
        self._seqs: list[int] = []
        self._bytes = 0
        self._dropped = 0
        self._last_seq = 0
        self._more = trio.Event()
        self._hungry = trio.Event()

    def append(self, frame: bytes) -> None:
        """Add a frame; the oldest fall out of the window."""
        self._last_seq = sequence_of(frame)
        message = websocket_message(frame)
        self._messages.append(message)
        self._seqs.append(self._last_seq)
        self._bytes += len(message)
        if self._bytes > self.window_bytes:
            self._shrink()
        self._more.set()
        self._more = trio.Event()

    def _shrink(self) -> None:
        """Drop an eighth of the window at once: taking single items off a list's head costs too much."""
        dropped = 0
        while self._bytes > self.window_bytes * 7 // 8 and dropped < len(self._messages) - 1:
            self._bytes -= len(self._messages[dropped])
            dropped += 1
        del self._messages[:dropped], self._seqs[:dropped]
        self._dropped += dropped

    async def until_wanted(self) -> None:
        """Wait until a subscriber has been sent everything: the pace of a stream at full speed."""
        while not self.waiting:
            await self._hungry.wait()

    def head(self) -> int:
        """The last sequence number."""
        return self._last_seq

    async def subscribe(self, cursor: int | None) -> AsyncGenerator[bytes, None]:
        """As Stream; without a cursor from the present on."""
        if cursor is not None and cursor > self._last_seq:
            yield websocket_message(error_frame("FutureCursor", f"the last event is {self._last_seq}"))
            return
        place = self._dropped + (len(self._seqs) if cursor is None else bisect_right(self._seqs, cursor))
        if cursor and self._seqs and cursor < self._seqs[0] - 1:
            yield websocket_message(info_frame("OutdatedCursor", "some events before the window are lost"))
        self.subscribers += 1
        try:
            while place >= self._dropped:
                chunk, place = self._chunk(place)
                if chunk:
                    yield chunk
                else:
                    await self._wait()
            yield websocket_message(error_frame("ConsumerTooSlow", "the window moved past the subscriber"))
        finally:
            self.subscribers -= 1

    def _chunk(self, place: int) -> tuple[bytes, int]:
        messages, size = [], 0
        for message in self._messages[place - self._dropped : place - self._dropped + 4096]:
            messages.append(message)
            size += len(message)
            if size >= CHUNK_BYTES:
                break
        return b"".join(messages), place + len(messages)

    async def _wait(self) -> None:
        self.waiting += 1
        self._hungry.set()
        self._hungry = trio.Event()
        try:
            await self._more.wait()
        finally:
            self.waiting -= 1


class FileStream:
    """The frames of a file, read anew for each subscriber: at `rate` frames a second, or as fast as it takes them.

    A missing cursor means the beginning: a file has no present. After the last frame the connection stays open and
    silent, unless `close_at_end`.
    """

    def __init__(self, path: Path, rate: float | None = None, close_at_end: bool = False) -> None:
        self.path = path
        self.rate = rate
        self.close_at_end = close_at_end

    async def subscribe(self, cursor: int | None) -> AsyncGenerator[bytes, None]:
        """As Stream. A cursor past the end of the file is found out only by reading it all."""
        maker = MessageMaker(cursor or 0)
        most = sys.maxsize if self.rate is None else max(1, int(self.rate / GROUPS_PER_SECOND))
        began, sent = trio.current_time(), 0
        with FrameBytes(self.path, CHUNK_BYTES) as file:
            while file.more():
                while True:
                    messages, file.start, count = maker.messages(file.data, file.start, file.end, most)
                    if not count:
                        break
                    yield messages
                    sent += count
                    if self.rate is not None:
                        await trio.sleep_until(began + sent / self.rate)
                await trio.lowlevel.checkpoint()
        if not maker.started and maker.last_skipped < maker.after:
            yield websocket_message(error_frame("FutureCursor", f"the last event is {maker.last_skipped}"))
            return
        if not self.close_at_end:
            await trio.sleep_forever()
