"""What happens below trio-websocket while a connection is being opened.

Owns the observation of the opening handshake: a peer that hangs up, that does not speak HTTP, or that answers
with another status than 101. Knows nothing of messages.
"""

from __future__ import annotations

from collections.abc import Awaitable
from email.utils import parsedate_to_datetime
from time import time
from typing import TypeVar

import trio

from indexer.errors import ConnectionLost, UpstreamError, UpstreamRefused
from indexer.firehose.upstream import Upstream

Received = TypeVar("Received", bound=bytes | bytearray | int)

# So much of an answer is kept for an error message.
_KEPT_BYTES = 8192
_SHOWN_CHARACTERS = 200
_DRAIN_BYTES = 64 << 10

# Statuses after which the event-stream specification lets a client try again; the other 4xx are taken as "not
# here".
_WORTH_RETRYING = frozenset({405, 408, 421, 425, 426, 429, 500, 502, 503, 504})
NEVER_RETRIED = 501
_LONGEST_RETRY_AFTER = 3600.0


class HandshakeStream(trio.abc.Stream):
    """A stream that remembers the beginning of what the peer sent, and says when the peer is gone."""

    def __init__(self, transport: trio.abc.Stream) -> None:
        self._transport = transport
        self._head = bytearray()
        self.is_open = False
        self._receiving = False
        # What came in before the connection was open.
        self.received_bytes = 0
        # The peer hung up, or this side closed the stream.
        self.ended = trio.Event()

    def opened(self) -> None:
        """The handshake is done: nothing is kept any more."""
        self.is_open = True
        self._head.clear()

    def failure(self, upstream: Upstream, timeout: float | None) -> UpstreamError:
        """Why the handshake came to nothing; `timeout` is the time limit in seconds that ended it, if one
        did."""
        head, _, body = bytes(self._head).partition(b"\r\n\r\n")
        status_line, *lines = head.split(b"\r\n")
        words = status_line.split(b" ", 2)
        if words[0].startswith(b"HTTP/1.") and len(words) > 1 and words[1].isdigit() and words[1] != b"101":
            headers = [
                (name.strip().lower(), value.strip())
                for name, _, value in (line.partition(b":") for line in lines)
            ]
            return refusal(upstream, int(words[1]), headers, body)
        if timeout is not None:
            return ConnectionLost(f"{upstream.key}: no answer to the opening handshake within {timeout:g} s")
        if self._head:
            return ConnectionLost(
                f"{upstream.key}: not a WebSocket server, it answered {_shown(bytes(self._head))}"
            )
        return ConnectionLost(f"{upstream.key}: hung up during the opening handshake")

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self._transport.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._transport.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        data = await self._observed(self._transport.receive_some(max_bytes))
        if not self.is_open:
            self.received_bytes += len(data)
            self._head += data[: _KEPT_BYTES - len(self._head)]
        return data

    async def _observed(self, receiving: Awaitable[Received]) -> Received:
        """Await a reception from the transport; a false result or an error is the end of the stream."""
        self._receiving = True
        try:
            received = await receiving
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            self.ended.set()
            raise
        finally:
            self._receiving = False
        if not received:
            self.ended.set()
        return received

    async def drain(self) -> None:
        """Read and forget until the peer hangs up; where another task is reading, wait for it to see that."""
        if self._receiving:
            await self.ended.wait()
        while not self.ended.is_set():
            try:
                await self.receive_some(_DRAIN_BYTES)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                return

    async def aclose(self) -> None:
        self.ended.set()
        await self._transport.aclose()


def refusal(
    upstream: Upstream, status: int, headers: list[tuple[bytes, bytes]], body: bytes
) -> UpstreamError:
    """The error for an HTTP answer other than 101 (event-stream specification, "Connection"): ConnectionLost,
    with the server's Retry-After, where trying again is sensible, else UpstreamRefused. Header names in lower
    case."""
    fields = dict(headers)
    message = f"{upstream.key}: answered the opening handshake with HTTP status {status}"
    if 300 <= status < 400 and b"location" in fields:
        message += f", elsewhere: {_shown(fields[b'location'])}"
    if body.strip():
        message += f": {_shown(body)}"
    if status in _WORTH_RETRYING or (status > 504 and status != NEVER_RETRIED):
        return ConnectionLost(message, _retry_after(fields.get(b"retry-after", b"")))
    return UpstreamRefused(f"{message} (expected 101 from {upstream.path})", status)


def _retry_after(value: bytes) -> float:
    """Seconds to wait: a number or a date (RFC 9110, 10.2.3); 0 for none or nonsense."""
    text = value.decode("latin-1").strip()
    if text.isascii() and text.isdigit():
        return min(float(text), _LONGEST_RETRY_AFTER)
    try:
        seconds = parsedate_to_datetime(text).timestamp() - time()
    except ValueError:
        return 0.0
    return min(max(seconds, 0.0), _LONGEST_RETRY_AFTER)


def _shown(data: bytes) -> str:
    text = " ".join(data.decode("utf-8", "replace").split())
    return repr(text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…")
