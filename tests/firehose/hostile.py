"""An upstream that does exactly what a test tells it to, on a real socket, well-behaved or not.

Owns the server side of RFC 6455 by hand: a library would refuse to send most of what is needed here.
"""

from __future__ import annotations

import base64
import hashlib
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import trio

from indexer.firehose import Upstream

TEXT, BINARY, CLOSE, PING, PONG, CONTINUATION = 1, 2, 8, 9, 10, 0
_ACCEPT_SALT = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def ws_frame(
    opcode: int,
    payload: bytes = b"",
    *,
    fin: bool = True,
    rsv: int = 0,
    mask: bytes | None = None,
    wide: int = 0,
) -> bytes:
    """One WebSocket frame; `mask` as a client would, `wide` (16 or 64) forces a longer length field than
    needed."""
    first = (0x80 if fin else 0) | rsv << 4 | opcode
    masked = 0x80 if mask else 0
    size = len(payload)
    if wide == 64 or (not wide and size > 0xFFFF):
        head = struct.pack(">BBQ", first, masked | 127, size)
    elif wide == 16 or (not wide and size > 125):
        head = struct.pack(">BBH", first, masked | 126, size)
    else:
        head = struct.pack(">BB", first, masked | size)
    if mask:
        payload = mask + bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))
    return head + payload


class Peer:
    """One accepted connection: what the client asked for, and means to answer."""

    def __init__(self, stream: trio.abc.Stream, ordinal: int) -> None:
        self.stream = stream
        self.ordinal = ordinal
        self.target = ""
        self.headers: dict[str, str] = {}
        self._buffer = bytearray()

    async def read_request(self) -> None:
        while b"\r\n\r\n" not in self._buffer:
            data = await self.stream.receive_some()
            if not data:
                raise trio.EndOfChannel
            self._buffer += data
            if not self._buffer.startswith(b"GET "[: len(self._buffer)]):
                await self.raw(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                raise trio.EndOfChannel
        head, _, rest = bytes(self._buffer).partition(b"\r\n\r\n")
        self._buffer = bytearray(rest)
        request, *lines = head.decode().split("\r\n")
        self.target = request.split(" ")[1]
        self.headers = {
            name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
        }

    async def accept(self, followed_by: bytes = b"") -> None:
        digest = hashlib.sha1(self.headers["sec-websocket-key"].encode() + _ACCEPT_SALT).digest()
        accept = base64.b64encode(digest).decode()
        head = (
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Accept: {accept}\r\n\r\n"
        )
        await self.raw(head.encode() + followed_by)

    async def raw(self, data: bytes) -> None:
        await self.stream.send_all(data)

    async def send(self, *messages: bytes) -> None:
        await self.raw(b"".join(ws_frame(BINARY, message) for message in messages))

    async def next_frame(self) -> tuple[int, bytes] | None:
        """The client's next frame as (opcode, unmasked payload); None at the end of the stream."""
        while True:
            if len(self._buffer) >= 2:
                size = self._buffer[1] & 0x7F
                assert self._buffer[1] & 0x80, "a client must mask"
                assert size <= 125, "only control frames are expected from this client"
                if len(self._buffer) >= 6 + size:
                    mask, body = self._buffer[2:6], self._buffer[6 : 6 + size]
                    opcode = self._buffer[0] & 0x0F
                    del self._buffer[: 6 + size]
                    return opcode, bytes(byte ^ mask[index % 4] for index, byte in enumerate(body))
            data = await self.stream.receive_some()
            if not data:
                return None
            self._buffer += data

    async def close_code(self) -> int | None:
        """The code of the client's close frame, whatever comes before it; None if it hangs up without."""
        while (frame := await self.next_frame()) is not None:
            if frame[0] == CLOSE:
                return int.from_bytes(frame[1][:2], "big")
        return None


Script = Callable[[Peer], Awaitable[None]]


@asynccontextmanager
async def hostile_upstream(script: Script, context: ssl.SSLContext | None = None) -> AsyncIterator[Upstream]:
    """Serve `script` to every connection of a port of the system's choice; the request is read beforehand."""
    ordinal = 0

    async def serve(stream: trio.abc.Stream) -> None:
        nonlocal ordinal
        ordinal += 1
        peer = Peer(stream, ordinal)
        try:
            async with stream:
                await peer.read_request()
                await script(peer)
        except (trio.BrokenResourceError, trio.ClosedResourceError, trio.EndOfChannel):
            return

    async with trio.open_nursery() as nursery:
        listeners: list[trio.SocketListener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
        port = listeners[0].socket.getsockname()[1]
        if context is None:
            nursery.start_soon(trio.serve_listeners, serve, listeners)
        else:
            secure = [trio.SSLListener(each, context, https_compatible=True) for each in listeners]
            nursery.start_soon(trio.serve_listeners, serve, secure)
        yield Upstream("ws" if context is None else "wss", "localhost" if context else "127.0.0.1", port)
        nursery.cancel_scope.cancel()
