"""A small HTTP/1.1 client for load: keep-alive connections that ask one question after the other.

Written on asyncio's buffered protocol, because the client shares the machine with the server: an ordinary client
library would take more CPU than the server that it measures. Bodies are counted, not kept. It knows only answers with
a Content-Length, which ours and the reference's are.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

from indexer.errors import UpstreamError

Question = Callable[[], tuple[str, str]]
"""Gives the path and the token of the next request."""

_BUFFER = 256 * 1024
_SHOWN = 120


@dataclass
class Load:
    """What was measured: seconds, one latency (s) per answer, bytes, and how many answers were not 200 (with one)."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    bytes: int = 0
    refused: int = 0
    refusal: str = ""

    def percentile_ms(self, part: float) -> float:
        """The latency in ms below which `part` (0 to 1) of the answers came; 0 without answers."""
        ordered = sorted(self.latencies)
        return round(1000 * ordered[min(len(ordered) - 1, int(part * len(ordered)))], 2) if ordered else 0.0

    @property
    def per_second(self) -> float:
        """Answers a second."""
        return round(len(self.latencies) / self.seconds, 1) if self.seconds else 0.0


async def ask(host: str, port: int, question: Question, connections: int, seconds: float) -> Load:
    """Ask `question()` over each connection, one at a time, for so long.

    Raises UpstreamError where the server does not speak as expected or hangs up, OSError where it cannot be reached.
    """
    load = Load()
    loop = asyncio.get_running_loop()
    began = time.perf_counter()
    ends = []
    for _ in range(connections):
        done: asyncio.Future[None] = loop.create_future()
        talk = Conversation(host, question, began + seconds, load, done)
        await loop.create_connection(lambda talk=talk: talk, host, port)  # type: ignore[misc]
        ends.append(done)
    await asyncio.gather(*ends)
    load.seconds = time.perf_counter() - began
    return load


class Conversation(asyncio.BufferedProtocol):
    """One connection: the next question is asked when the last answer is whole."""

    def __init__(
        self, host: str, question: Question, end: float, load: Load, done: asyncio.Future[None]
    ) -> None:
        self._host = host
        self._question = question
        self._end = end
        self._load = load
        self._done = done
        self._buffer = bytearray(_BUFFER)
        self._view = memoryview(self._buffer)
        self._transport: asyncio.Transport | None = None
        self._path = ""
        self._began = 0.0
        self._head = 0  # bytes of a head that is not whole yet
        self._left = -1  # bytes of the body that are to come; -1: in the head
        self._refused = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name
        self._ask()

    def _ask(self) -> None:
        assert self._transport is not None
        self._began = time.perf_counter()
        if self._began >= self._end:
            self._transport.close()
            return
        self._path, token = self._question()
        self._head, self._left = 0, -1
        self._transport.write(
            f"GET {self._path} HTTP/1.1\r\nhost: {self._host}\r\nauthorization: Bearer {token}\r\n\r\n".encode()
        )

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._view[self._head :]

    def buffer_updated(self, nbytes: int) -> None:
        if self._left < 0:
            self._head += nbytes
            end = self._buffer.find(b"\r\n\r\n", 0, self._head)
            if end < 0:
                return
            head = bytes(self._view[:end])
            nbytes = self._head - end - 4
            self._head = 0
            self._left = _length_of(head)
            self._load.bytes += self._left
            if not head.startswith(b"HTTP/1.1 200"):
                body = bytes(self._view[end + 4 : end + 4 + min(nbytes, _SHOWN)])
                self._refuse(f"{self._path.split('?')[0]}: {head[9:12].decode()} {body!r}")
        self._left -= nbytes
        if self._left == 0:
            self._load.latencies.append(time.perf_counter() - self._began)
            self._ask()

    def _refuse(self, what: str) -> None:
        self._load.refused += 1
        self._load.refusal = self._load.refusal or what

    def connection_lost(self, exc: Exception | None) -> None:
        if self._done.done():
            return
        if time.perf_counter() >= self._end and self._left == 0:
            self._done.set_result(None)
        else:
            self._done.set_exception(UpstreamError(f"the server hung up during {self._path}: {exc}"))


def _length_of(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.split(b":")[1])
    raise UpstreamError(f"expected an answer with a content-length, got {head[:200]!r}")
