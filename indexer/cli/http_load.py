"""A small HTTP/1.1 client for load: keep-alive connections that ask one question after the other.

Written on asyncio's buffered protocol, because the client shares the machine with the server: an ordinary client
library would take more CPU than the server that it measures. Bodies are counted, and kept only where asked for. It
knows only answers with a Content-Length, which ours and the reference's are.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple, cast

from indexer.errors import UpstreamError

Question = Callable[[], tuple[str, str]]
"""Gives the path and the token of the next request."""

_BUFFER = 256 * 1024
_SHOWN = 120


class Answer(NamedTuple):
    """An answer: its status, the bytes of its body, and the body (its beginning, unless it was to be kept)."""

    status: int
    size: int
    body: bytes


@dataclass
class Load:
    """What was measured: seconds, one latency (s) per answer, bytes, and how many answers were not 200 (with one)."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    bytes: int = 0
    refused: int = 0
    refusal: str = ""

    def add(self, path: str, answer: Answer, latency: float) -> None:
        """Count an answer that took `latency` seconds."""
        self.latencies.append(latency)
        self.bytes += answer.size
        if answer.status != 200:
            self.refused += 1
            self.refusal = self.refusal or f"{path.split('?')[0]}: {answer.status} {answer.body[:_SHOWN]!r}"

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
    open_ones = [await connect(host, port) for _ in range(connections)]
    began = time.perf_counter()

    async def talk(connection: Connection) -> None:
        while (asked := time.perf_counter()) < began + seconds:
            path, token = question()
            answer = await connection.ask(path, token)
            load.add(path, answer, time.perf_counter() - asked)

    try:
        await asyncio.gather(*map(talk, open_ones))
    finally:
        for connection in open_ones:
            connection.close()
    load.seconds = time.perf_counter() - began
    return load


async def connect(host: str, port: int) -> Connection:
    """A connection. Raises OSError where the server cannot be reached."""
    _, connection = await asyncio.get_running_loop().create_connection(lambda: Connection(host), host, port)
    return connection


class Connection(asyncio.BufferedProtocol):
    """One connection, for one question at a time."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._buffer = bytearray(_BUFFER)
        self._view = memoryview(self._buffer)
        self._transport: asyncio.Transport | None = None
        self._asked: asyncio.Future[Answer] | None = None
        self._path = ""
        self._head = 0  # bytes of a head that is not whole yet
        self._left = -1  # bytes of the body that are to come; -1: in the head
        self._status = self._size = self._kept = 0
        self._parts: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name

    def ask(self, path: str, token: str, *, keep: bool = False) -> asyncio.Future[Answer]:
        """Ask for a path; the answer has its whole body if `keep`. Raises UpstreamError when it is awaited."""
        assert self._transport is not None
        self._asked = asyncio.get_running_loop().create_future()
        self._path, self._head, self._left, self._parts = path, 0, -1, []
        self._kept = 1 << 62 if keep else _SHOWN
        if self._transport.is_closing():
            self._asked.set_exception(UpstreamError(f"the server hung up before {path}"))
        self._transport.write(
            f"GET {path} HTTP/1.1\r\nhost: {self._host}\r\nauthorization: Bearer {token}\r\n\r\n".encode()
        )
        return self._asked

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._view[self._head :]

    def buffer_updated(self, nbytes: int) -> None:
        start = 0
        if self._left < 0:
            self._head += nbytes
            end = self._buffer.find(b"\r\n\r\n", 0, self._head)
            if end < 0:
                return
            head = bytes(self._view[:end])
            start, nbytes = end + 4, self._head - end - 4
            self._head = 0
            self._status, self._size = int(head[9:12]), _length_of(head)
            self._left = self._size
        if self._kept > 0 and nbytes:
            self._parts.append(bytes(self._view[start : start + min(nbytes, self._kept)]))
            self._kept -= nbytes
        self._left -= nbytes
        if self._left == 0 and self._asked is not None and not self._asked.done():
            self._asked.set_result(Answer(self._status, self._size, b"".join(self._parts)))

    def connection_lost(self, exc: Exception | None) -> None:
        if self._asked is not None and not self._asked.done():
            self._asked.set_exception(UpstreamError(f"the server hung up during {self._path}: {exc}"))


def _length_of(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.split(b":")[1])
    raise UpstreamError(f"expected an answer with a content-length, got {head[:200]!r}")
