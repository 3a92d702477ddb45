"""One WebSocket connection to an upstream, from the opening handshake to the closing one.

Owns handshake, limits, close codes and the words for every way in which a connection can end. Knows nothing
of what the messages mean, and does not reconnect.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import trio
import trio_websocket
from wsproto import ConnectionType
from wsproto.connection import Connection as WireProtocol
from wsproto.events import CloseConnection
from wsproto.utilities import LocalProtocolError

from indexer.errors import ConnectionLost, ProtocolViolation, UpstreamError
from indexer.firehose.deframing import DeframingStream
from indexer.firehose.dial import dial
from indexer.firehose.handshake import HandshakeStream, refusal
from indexer.firehose.inbox import Inbox
from indexer.firehose.options import MAX_MESSAGE_BYTES, FirehoseOptions
from indexer.firehose.upstream import Upstream

NORMAL_CLOSURE = 1000
PROTOCOL_ERROR = 1002
UNSUPPORTED_DATA = 1003
ABNORMAL_CLOSURE = 1006
INVALID_DATA = 1007
TOO_BIG = 1009

Dial = Callable[[Upstream, FirehoseOptions], Awaitable[trio.abc.Stream]]

# trio-websocket's own queue: its reader is one task hop from the inbox, which is where bytes are counted.
_QUEUE_MESSAGES = 64
# How trio-websocket words its own refusal, to be told from a peer's.
_TOO_BIG_HERE = "1009: Exceeded maximum message size"


class Connection:
    """An open connection; messages are taken in lists with `receive`."""

    def __init__(
        self,
        upstream: Upstream,
        websocket: trio_websocket.WebSocketConnection,
        stream: HandshakeStream,
        inbox: Inbox,
        options: FirehoseOptions,
    ) -> None:
        self._upstream = upstream
        self._websocket = websocket
        self._stream = stream
        self._options = options
        self.inbox = inbox
        # Whoever uses the connection does so within this scope; `fail` cancels it and leaves the reason in
        # `failure`.
        self.alive = trio.CancelScope()
        self.failure = ProtocolViolation(f"{upstream.key}: dropped", PROTOCOL_ERROR)

    def fail(self, violation: ProtocolViolation) -> None:
        """End the connection from outside of the task that uses it."""
        self.failure = violation
        self.alive.cancel()

    async def receive(self) -> tuple[list[bytes], int, float]:
        """The next binary messages in order, at least one, bounded as the options say; their size in all, and
        when the first arrived.

        Raises ConnectionLost when the connection ended or no data came for `data_timeout`, ProtocolViolation
        when the peer broke the protocol; both only after every message before that was handed over.
        """
        options = self._options
        with trio.move_on_after(options.data_timeout or float("inf")):
            return await self.inbox.take(options.batch_frames, options.batch_bytes, options.batch_wait)
        raise ConnectionLost(f"{self._upstream.key}: no data for {options.data_timeout:g} s")

    async def aclose(self, code: int, reason: str) -> None:
        """Tell the peer why and close; after `close_timeout` without its answer, close anyway."""
        self.inbox.stop()
        with trio.CancelScope(shield=True):
            with trio.move_on_after(self._options.close_timeout):
                if code in (PROTOCOL_ERROR, INVALID_DATA):
                    # trio-websocket says nothing to a peer that broke the protocol.
                    await self._say_goodbye(code, reason)
                await self._websocket.aclose(code, reason)
                # An unread rest makes the kernel answer with a reset, which can overtake our closing frame.
                await self._stream.drain()
            await trio.aclose_forcefully(self._stream)

    async def _say_goodbye(self, code: int, reason: str) -> None:
        farewell = WireProtocol(ConnectionType.CLIENT).send(CloseConnection(code=code, reason=reason))
        try:
            await self._stream.send_all(farewell)
        except (trio.BrokenResourceError, trio.ClosedResourceError, trio.BusyResourceError):
            return

    async def pump(self) -> None:
        """Move messages from trio-websocket to the inbox until the connection ends."""
        try:
            while True:
                message = await self._websocket.get_message()
                if isinstance(message, str):
                    raise ProtocolViolation(
                        f"{self._upstream.key}: sent a text message, only binary ones are defined",
                        UNSUPPORTED_DATA,
                    )
                self.inbox.put([message], len(message))
                if self.inbox.full:
                    await self.inbox.room()
        except trio_websocket.ConnectionClosed as closed:
            self.inbox.end(self._ending(closed.reason))
        except ProtocolViolation as violation:
            self.inbox.end(violation)

    def _ending(self, reason: trio_websocket.CloseReason | None) -> ConnectionLost:
        key = self._upstream.key
        if reason is None:
            return ProtocolViolation(f"{key}: broke the WebSocket protocol", PROTOCOL_ERROR)
        words = f"{reason.code}: {reason.reason}" if reason.reason else f"{reason.code} without a reason"
        if reason.code == ABNORMAL_CLOSURE:
            return ConnectionLost(f"{key}: the connection broke without a closing handshake")
        if reason.code == TOO_BIG and words.startswith(_TOO_BIG_HERE):
            return ProtocolViolation(f"{key}: sent a message larger than {MAX_MESSAGE_BYTES} bytes", TOO_BIG)
        if reason.code in (PROTOCOL_ERROR, INVALID_DATA):
            return ProtocolViolation(f"{key}: broke the WebSocket protocol ({words})", reason.code)
        return ConnectionLost(f"{key}: closed by the server ({words})")


@asynccontextmanager
async def open_connection(
    upstream: Upstream, cursor: int | None, options: FirehoseOptions, connect: Dial = dial
) -> AsyncIterator[Connection]:
    """Connect and do the opening handshake; on leaving, the connection is closed, with the code that fits the
    error.

    Raises ConnectionLost or UpstreamRefused if there is no connection to be had, with the cause in words.
    """
    with trio.move_on_after(options.connect_timeout) as connecting:
        socket = await connect(upstream, options)
    if connecting.cancelled_caught:
        raise ConnectionLost(f"{upstream.key}: no connection within {options.connect_timeout:g} s")
    inbox = Inbox(options.buffer_bytes)
    transport = (
        DeframingStream(socket, upstream, inbox, options.read_bytes)
        if options.fast_path
        else HandshakeStream(socket)
    )
    try:
        async with trio.open_nursery() as nursery:
            websocket = await _handshake(nursery, upstream, cursor, transport, options)
            connection = Connection(upstream, websocket, transport, inbox, options)
            nursery.start_soon(connection.pump)
            code, reason = NORMAL_CLOSURE, ""
            try:
                yield connection
            except ProtocolViolation as violation:
                code, reason = violation.close_code, str(violation)
                raise
            finally:
                await connection.aclose(code, reason)
                nursery.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        error = _sole_error(group)
        if isinstance(error, trio_websocket.ConnectionRejected):
            raise refusal(upstream, error.status_code, list(error.headers), error.body or b"") from None
        if not transport.is_open and isinstance(error, Exception) and not isinstance(error, UpstreamError):
            # Some answers make trio-websocket or h11 stumble; the peer's bytes were their only input.
            raise transport.failure(upstream, None) from error
        raise error from error.__cause__
    finally:
        await trio.aclose_forcefully(transport)


async def _handshake(
    nursery: trio.Nursery,
    upstream: Upstream,
    cursor: int | None,
    transport: HandshakeStream,
    options: FirehoseOptions,
) -> trio_websocket.WebSocketConnection:
    """The opening handshake. trio-websocket would wait for ever for a peer that hangs up in it, so that is
    watched here."""
    websocket: trio_websocket.WebSocketConnection | None = None
    with trio.move_on_after(options.connect_timeout) as limit:
        async with trio.open_nursery() as race:
            race.start_soon(_cancel_when, transport.ended, race.cancel_scope)
            websocket = await trio_websocket.wrap_client_stream(
                nursery,
                transport,  # type: ignore[arg-type]  # declared as socket streams, documented as any stream
                upstream.authority,
                upstream.target(cursor),
                extra_headers=[(b"User-Agent", options.user_agent.encode())],
                message_queue_size=_QUEUE_MESSAGES,
                max_message_size=MAX_MESSAGE_BYTES,
                receive_buffer_size=options.read_bytes,
            )
            race.cancel_scope.cancel()
    if websocket is None:
        raise transport.failure(upstream, options.connect_timeout if limit.cancelled_caught else None)
    transport.opened()
    return websocket


async def _cancel_when(event: trio.Event, scope: trio.CancelScope) -> None:
    await event.wait()
    scope.cancel()


def _sole_error(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The one error in a nursery's group beside cancellations; the group itself if there are none or several.

    trio-websocket's reader fails with LocalProtocolError when a ping comes after our closing frame: no news.
    """
    error: BaseException = group.split((trio.Cancelled, LocalProtocolError))[1] or group
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error
