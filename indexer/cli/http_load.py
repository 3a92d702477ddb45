"""A small HTTP/1.1 client for load: keep-alive connections that ask one question after the other.

Written on plain asyncio streams, because the client shares the machine with the server: an ordinary client library
would take more CPU than the server that it measures. It knows only answers with a Content-Length, which ours are.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from indexer.errors import UpstreamError


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


async def ask(
    host: str, port: int, question: Callable[[], tuple[str, str]], connections: int, seconds: float
) -> Load:
    """Ask `question()` = (path, token) over each connection, one at a time, for so long.

    Raises UpstreamError where the server does not speak as expected.
    """
    load = Load()
    began = time.perf_counter()
    await asyncio.gather(
        *(_converse(host, port, question, began + seconds, load) for _ in range(connections))
    )
    load.seconds = time.perf_counter() - began
    return load


async def _converse(
    host: str, port: int, question: Callable[[], tuple[str, str]], end: float, load: Load
) -> None:
    reader, writer = await asyncio.open_connection(host, port, limit=4 << 20)
    try:
        while (began := time.perf_counter()) < end:
            path, token = question()
            writer.write(
                f"GET {path} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\n\r\n".encode()
            )
            head = await reader.readuntil(b"\r\n\r\n")
            body = await reader.readexactly(_length_of(head))
            load.latencies.append(time.perf_counter() - began)
            load.bytes += len(body)
            if not head.startswith(b"HTTP/1.1 200"):
                load.refused += 1
                load.refusal = load.refusal or f"{path.split('?')[0]}: {head[9:12].decode()} {body[:120]!r}"
    finally:
        writer.close()


def _length_of(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.split(b":")[1])
    raise UpstreamError(f"expected an answer with a content-length, got {head[:200]!r}")
