"""The fast path: a stream below trio-websocket that takes the data messages out.

Owns the hand-over from received bytes to the inbox, in lists. The opening handshake and control frames go on
to trio-websocket as they came, so that it answers pings and does the closing handshake.
"""

from __future__ import annotations

import trio

from indexer._fastpath.websocket import Deframer
from indexer.errors import ProtocolViolation
from indexer.firehose.handshake import HandshakeStream
from indexer.firehose.inbox import Inbox
from indexer.firehose.options import MAX_MESSAGE_BYTES
from indexer.firehose.sockets import SocketReader
from indexer.firehose.tls import TlsStream
from indexer.firehose.upstream import Upstream

_SWITCHED = (b"HTTP/1.1 101", b"HTTP/1.0 101")
# Other tasks run after so many bytes at the latest: about half a millisecond.
_YIELD_BYTES = 1 << 20
_END_OF_HEAD = b"\r\n\r\n"


class DeframingStream(HandshakeStream):
    """A stream whose `receive_some` gives what trio-websocket is to see; the messages go to `inbox`.

    While the inbox is full nothing is read, and what a peer sent within its bound is still answered.
    """

    def __init__(self, transport: trio.abc.Stream, upstream: Upstream, inbox: Inbox, read_bytes: int) -> None:
        super().__init__(transport)
        self._upstream = upstream
        self._inbox = inbox
        self._read_bytes = read_bytes
        self._deframer = Deframer(MAX_MESSAGE_BYTES)
        self._reader: TlsStream | SocketReader | None = None
        if isinstance(transport, TlsStream):
            self._reader = transport
        elif isinstance(transport, trio.SocketStream):
            self._reader = SocketReader(transport)
        self._switched = False
        self._unyielded = 0

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """Until the response to the handshake is complete: its bytes. Then: the next control frames."""
        if not self._switched:
            return self._split_head(await super().receive_some(max_bytes))
        while True:
            control = self._deframe()
            if control:
                return control
            if self._inbox.full:
                await self._inbox.room()
            size = await self._observed(self._receive(self._deframer.writable(self._read_bytes)))
            if not size:
                return b""
            self._deframer.received(size)
            self._unyielded += size
            if self._unyielded >= _YIELD_BYTES:
                self._unyielded = 0
                await trio.lowlevel.checkpoint()

    def _split_head(self, data: bytes | bytearray) -> bytes | bytearray:
        """Keep what follows a "101 Switching Protocols" response for the deframer, and give the rest."""
        if self.is_open or not self._head.startswith(_SWITCHED):
            return data
        end = self._head.find(_END_OF_HEAD)
        if end < 0:
            return data
        self._switched = True
        # `data` may go further than what was kept of the head: count from its end.
        surplus = self.received_bytes - (end + len(_END_OF_HEAD))
        if surplus:
            self._deframer.writable(surplus)[:] = data[-surplus:]
            self._deframer.received(surplus)
            return data[:-surplus]
        return data

    def _deframe(self) -> bytes:
        messages, size = self._deframer.messages()
        if messages:
            self._inbox.put(messages, size)
        if self._deframer.violation is not None:
            code, words = self._deframer.violation
            self._inbox.end(
                ProtocolViolation(f"{self._upstream.key}: broke the WebSocket protocol: {words}", code)
            )
        return self._deframer.take_control()

    async def _receive(self, window: memoryview) -> int:
        if self._reader is not None:
            return await self._reader.receive_into(window)
        data = await self._transport.receive_some(len(window))
        window[: len(data)] = data
        return len(data)
