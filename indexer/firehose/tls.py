"""TLS at speed: many records for each read from the socket, decrypted straight into the receiver's buffer.

Owns the pump between a socket and OpenSSL's memory buffers on the client's side. Trio's own SSLStream, which
the plain path uses, reads and copies record by record.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import cast

import trio

from indexer.firehose.sockets import receive_into

# OpenSSL copies what it is given: pieces of two or three records stay in the cache until they are decrypted.
_PIECE_BYTES = 48 << 10


class TlsStream(trio.abc.Stream):
    """A TLS client over a connected socket; one task may receive while others send.

    The end of the TCP stream counts as the end of this one, as HTTPS clients have it: the WebSocket's closing
    handshake already says whether anything is missing. `aclose` sends no close_notify for the same reason.
    """

    def __init__(
        self, transport: trio.SocketStream, context: ssl.SSLContext, host: str, read_bytes: int
    ) -> None:
        self._transport = transport
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        self._sending = trio.Lock()
        self._encrypted = memoryview(bytearray(read_bytes))
        # What of `_encrypted` OpenSSL has not been given yet.
        self._unfed = self._encrypted[:0]

    async def do_handshake(self) -> None:
        """Raises trio.BrokenResourceError, caused by the ssl.SSLError, if the peers do not agree."""
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                await self._flush()
                if not await self._fill():
                    raise trio.BrokenResourceError("the server hung up") from None
            except ssl.SSLError as error:
                # The alert that tells the peer why is worth one attempt.
                await self._flush()
                raise trio.BrokenResourceError(f"TLS: {error}") from error
            else:
                await self._flush()
                return

    async def receive_into(self, window: memoryview) -> int:
        """Decrypt what is there, at least one byte, into `window`; returns how much, 0 at the end of the
        stream."""
        while True:
            size = self._decrypt(window)
            if self._outgoing.pending:
                await self._flush()
            if size is not None:
                return size
            if not await self._fill():
                self._incoming.write_eof()

    def _decrypt(self, window: memoryview) -> int | None:
        """As many records as fit into `window`: their size, 0 at the end of the stream, None if more must be read."""
        size = 0
        room = len(window)
        # With a buffer, SSLObject.read gives a count of bytes, which its type stubs do not know.
        read = cast("Callable[[int, memoryview], int]", self._tls.read)
        while size < room:
            try:
                got = read(room - size, window[size:])
            except ssl.SSLWantReadError:
                if self._feed():
                    continue
                return size or None
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                return size
            except ssl.SSLError as error:
                if size:
                    return size
                raise trio.BrokenResourceError(f"TLS: {error}") from error
            if not got:
                return size
            size += got
        return size

    def _feed(self) -> bool:
        """Give OpenSSL the next piece of what was read; whether there was one."""
        piece = self._unfed[:_PIECE_BYTES]
        self._unfed = self._unfed[_PIECE_BYTES:]
        self._incoming.write(piece)
        return len(piece) > 0

    async def _fill(self) -> bool:
        """Read from the socket; False at the end of its stream."""
        size = await receive_into(self._transport, self._encrypted)
        self._unfed = self._encrypted[:size]
        return self._feed()

    async def _flush(self) -> None:
        async with self._sending:
            data = self._outgoing.read()
            if data:
                await self._transport.send_all(data)

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        buffer = bytearray(max_bytes or len(self._encrypted))
        size = await self.receive_into(memoryview(buffer))
        return bytes(buffer[:size])

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        if data:
            try:
                self._tls.write(data)
            except ssl.SSLError as error:
                raise trio.BrokenResourceError(f"TLS: {error}") from error
        await self._flush()

    async def wait_send_all_might_not_block(self) -> None:
        await self._transport.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        await self._transport.aclose()
