"""TLS at speed: many records for each read from the socket, decrypted straight into the receiver's buffer.

Owns the pump between a socket and OpenSSL's memory buffers on the client's side. Trio's own SSLStream, which the plain
path uses, reads and copies record by record.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import cast

import trio

from indexer._fastpath.tls import whole_records
from indexer.firehose.sockets import SocketReader

# OpenSSL copies what it is given: a few records at a time stay in the cache until they are decrypted.
_PIECE_BYTES = 64 << 10
# A record that is not complete yet is kept in front of the next read.
_LARGEST_RECORD = 5 + 16384 + 2048


class TlsStream(trio.abc.Stream):
    """A TLS client over a connected socket; one task may receive while others send.

    The end of the TCP stream counts as the end of this one, as HTTPS clients have it: the WebSocket's closing handshake
    already says whether anything is missing. `aclose` sends no close_notify for the same reason.
    """

    def __init__(
        self, transport: trio.SocketStream, context: ssl.SSLContext, host: str, read_bytes: int
    ) -> None:
        self._transport = transport
        self._reader = SocketReader(transport)
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        self._sending = trio.Lock()
        # What came from the socket; OpenSSL has been given everything before `_start`, in whole records. Not larger
        # than a receiver's window, so that what one read brings fits into it.
        self._encrypted = memoryview(bytearray(max(read_bytes, _LARGEST_RECORD)))
        self._start = self._end = 0

    async def do_handshake(self) -> None:
        """Raises trio.BrokenResourceError, caused by the ssl.SSLError, if the peers do not agree."""
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                if self._outgoing.pending:
                    await self._flush()
                elif not self._feed() and not await self._fill():
                    raise trio.BrokenResourceError("the server hung up") from None
            except ssl.SSLError as error:
                # The alert that tells the peer why is worth one attempt.
                await self._flush()
                raise trio.BrokenResourceError(f"TLS: {error}") from error
            else:
                await self._flush()
                return

    async def receive_into(self, window: memoryview) -> int:
        """Decrypt what is there, at least one byte, into `window`; returns how much, 0 at the end of the stream."""
        while True:
            size = self._decrypt(window)
            if self._outgoing.pending:
                await self._flush()
            if size is not None:
                return size
            if not await self._fill():
                self._incoming.write_eof()

    def _decrypt(self, window: memoryview) -> int | None:
        """What whole records hold, as far as it fits: its size, 0 at the end of the stream, None if more must be read.

        OpenSSL is asked as often as it has records: to ask once more and be refused costs as much as to decrypt one.
        """
        size = 0
        room = len(window)
        # With a buffer, SSLObject.read gives a count of bytes, which its type stubs do not know.
        read = cast("Callable[[int, memoryview], int]", self._tls.read)
        try:
            while size < room:
                records = 1 if self._tls.pending() else self._feed(room - size)
                if not records:
                    # At the end of the socket's stream this is the question that tells; else it waits for more.
                    return size or (read(room, window) if self._incoming.eof else None)
                for _ in range(records):
                    try:
                        size += read(room - size, window[size:])
                    except ssl.SSLWantReadError:
                        # A record for OpenSSL itself: a session ticket, new keys.
                        continue
        except ssl.SSLWantReadError:
            return None
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            return size
        except ssl.SSLError as error:
            if size:
                return size
            raise trio.BrokenResourceError(f"TLS: {error}") from error
        return size

    def _feed(self, limit: int = _PIECE_BYTES) -> int:
        """Give OpenSSL the next whole records, up to `limit` bytes; returns how many they were."""
        start = self._start
        self._start, records = whole_records(self._encrypted, start, self._end, min(limit, _PIECE_BYTES))
        if records:
            self._incoming.write(self._encrypted[start : self._start])
        return records

    async def _fill(self) -> bool:
        """Read from the socket; False at the end of its stream."""
        rest = self._end - self._start
        self._encrypted[:rest] = self._encrypted[self._start : self._end]
        self._start, self._end = 0, rest
        size = await self._reader.receive_into(self._encrypted[rest:])
        self._end += size
        return size > 0

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
