"""Following one upstream's firehose for as long as the program runs.

Owns reconnecting: back-off, the cursor at each connection, what `#info` and error frames ask for, and the
figures in UpstreamStatus. Does not read data frames: whether they decode is told back with `Follower.fail`.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable

import structlog
import trio

from indexer._fastpath.eventstream import control_positions
from indexer.errors import ConnectionLost, FutureCursor, ProtocolViolation, UpstreamError, UpstreamRefused
from indexer.firehose.batch import FrameBatch
from indexer.firehose.connection import INVALID_DATA, Connection, Dial, open_connection
from indexer.firehose.control import StreamError, StreamInfo, read_control
from indexer.firehose.dial import dial
from indexer.firehose.handshake import NEVER_RETRIED
from indexer.firehose.options import FirehoseOptions, UpstreamStatus
from indexer.firehose.upstream import Upstream

log = structlog.get_logger("indexer.firehose")


class _ReceiverGone(Exception):
    """The receiver closed its end of the channel."""


class Follower:
    """Follows one upstream and sends what it says, in order, as lists of frames.

    `cursor` is asked before every connection for the sequence number to go on from (None: the live tip); it
    must be one that everything before is safe at. What was sent after it comes again, so the receiver drops
    what it has seen. `send` may have any small buffer: while the receiver is slow, up to
    `options.buffer_bytes` wait here, then the socket is not read any more. `connect` and `rng` are for tests.
    """

    def __init__(
        self,
        upstream: Upstream,
        cursor: Callable[[], int | None],
        send: trio.MemorySendChannel[FrameBatch],
        options: FirehoseOptions,
        *,
        connect: Dial = dial,
        rng: random.Random | None = None,
    ) -> None:
        self.upstream = upstream
        self._status = UpstreamStatus(upstream.key)
        self._cursor = cursor
        self._send = send
        self._options = options
        self._connect = connect
        self._rng = rng or random.Random()
        self._connection: Connection | None = None
        self._connected_from: int | None = None
        # By Trio's clock; None while there is no connection in this attempt.
        self._opened_at: float | None = None

    @property
    def status(self) -> UpstreamStatus:
        """The figures as of now; the object stays the same."""
        inbox = self._connection.inbox if self._connection else None
        self._status.waiting_frames = inbox.waiting_frames if inbox else 0
        self._status.waiting_bytes = inbox.waiting_bytes if inbox else 0
        return self._status

    async def run(self) -> None:
        """Follow until cancelled, or until the receiver closes its end of the channel.

        Raises FutureCursor if the upstream's sequence is behind the cursor, and UpstreamRefused if it does
        not serve the stream (status 501 at any time, the others only while it has never worked): both need
        the operator.
        """
        async with self._send:
            while True:
                self._opened_at = None
                try:
                    await self._follow_once()
                except _ReceiverGone:
                    return
                except UpstreamRefused as error:
                    if error.status == NEVER_RETRIED or self._status.connections == 0:
                        self._note(error)
                        raise
                    await self._back_off(error, 0.0)
                except ConnectionLost as error:
                    await self._back_off(error, error.retry_after)

    def fail(self, error: UpstreamError, connection: int | None = None) -> None:
        """Drop the connection because of what it brought (a frame that does not decode), then reconnect from
        the cursor.

        `connection` is that of the FrameBatch which failed: if another connection has taken its place,
        nothing happens. None stands for whatever connection there is. To be called in the Trio thread.
        """
        if self._connection is None or (connection is not None and connection != self._status.connections):
            return
        self._connection.fail(
            ProtocolViolation(f"{self.upstream.key}: dropped because of a frame: {error}", INVALID_DATA)
        )

    async def _follow_once(self) -> None:
        """One connection from beginning to end; always raises."""
        cursor = self._cursor()
        async with open_connection(self.upstream, cursor, self._options, self._connect) as connection:
            self._opened(connection, cursor)
            try:
                with connection.alive:
                    await self._deliver(connection)
                raise connection.failure
            finally:
                self._closed()

    async def _deliver(self, connection: Connection) -> None:
        status = self._status
        while True:
            frames, size, arrived = await connection.receive()
            status.last_data_at = time.time()
            status.frames += len(frames)
            status.bytes += size
            ending = self._strip_control(frames)
            if frames:
                status.batches += 1
                try:
                    await self._send.send(FrameBatch(self.upstream.key, frames, arrived, status.connections))
                except trio.BrokenResourceError:
                    raise _ReceiverGone from None
            if ending is not None:
                raise ending

    def _strip_control(self, frames: list[bytes]) -> UpstreamError | None:
        """Take `#info` and error frames out of `frames`, and everything after an error frame, which is what
        comes back."""
        for position in reversed(control_positions(frames)):
            control = read_control(frames[position])
            if isinstance(control, StreamInfo):
                self._inform(control)
                del frames[position]
        for position in control_positions(frames):
            control = read_control(frames[position])
            if isinstance(control, StreamError):
                del frames[position:]
                return self._ending(control)
        return None

    def _inform(self, info: StreamInfo) -> None:
        self._status.infos += 1
        if info.name == "OutdatedCursor":
            self._status.outdated_cursors += 1
            log.warning(
                "cursor outdated: the upstream no longer holds all events since then",
                upstream=self.upstream.key,
                message=info.message,
            )
        else:
            log.info(
                "message from the upstream", upstream=self.upstream.key, name=info.name, message=info.message
            )

    def _ending(self, error: StreamError) -> UpstreamError:
        words = f"{error.error}: {error.message}" if error.message else error.error
        if error.error == "FutureCursor":
            future = FutureCursor(
                f"{self.upstream.key}: our cursor {self._connected_from} is ahead of all it has ({words}); "
                "is it another server than the one that the cursor comes from?"
            )
            self._note(future)
            return future
        if error.error == "ConsumerTooSlow":
            self._status.too_slow += 1
        return ConnectionLost(f"{self.upstream.key}: ended the stream with the error {words}")

    def _opened(self, connection: Connection, cursor: int | None) -> None:
        status = self._status
        self._connection = connection
        self._connected_from = cursor
        self._opened_at = trio.current_time()
        status.connected = True
        status.connected_at = time.time()
        status.reconnects += status.connections > 0
        status.connections += 1
        log.info("following", upstream=self.upstream.key, cursor=cursor, connection=status.connections)

    def _closed(self) -> None:
        self._connection = None
        self._status.connected = False

    async def _back_off(self, error: UpstreamError, at_least: float) -> None:
        """Wait before the next attempt: full jitter under a ceiling that doubles with every failure in a
        row."""
        options = self._options
        if self._opened_at is not None and trio.current_time() - self._opened_at >= options.stable_after:
            self._status.failures = 0
        self._status.failures += 1
        self._note(error)
        ceiling = min(options.backoff_max, options.backoff_base * 2.0 ** min(self._status.failures - 1, 32))
        delay = max(self._rng.uniform(0.0, ceiling), at_least)
        log.warning("reconnecting", upstream=self.upstream.key, cause=str(error), in_seconds=round(delay, 3))
        await trio.sleep(delay)

    def _note(self, error: UpstreamError) -> None:
        self._status.last_error = str(error)
        self._status.last_error_at = time.time()
