"""Reading from a socket that has much to give.

Owns when to wait and when to read on; what is done with the bytes is the caller's business.
"""

from __future__ import annotations

import os

import trio

# While data comes in so fast that the socket was emptied again so soon, waking up for every packet would cost more than
# reading: what comes meanwhile is left to gather. This is also the delay that a message can get.
_GATHER_SECONDS = 0.001


class SocketReader:
    """Reads a Trio socket stream into buffers of the caller's, with as few system calls and task switches as can be.

    A task switch costs as much as reading 50 KB. So there is none while reads come back full: the caller must yield now
    and then (`trio.lowlevel.checkpoint`). After a read that came back short the socket is empty, and asking it again
    before it says that it is readable would only cost another call.
    """

    def __init__(self, stream: trio.SocketStream) -> None:
        self._socket = stream.socket
        self._empty = True
        self._woke_at = float("-inf")

    async def receive_into(self, window: memoryview) -> int:
        """Fill `window` as far as the kernel can, waiting only if it has nothing; returns how many bytes, 0 at the end
        of the stream. Raises trio.BrokenResourceError, or trio.ClosedResourceError if this side closed it."""
        while True:
            if self._empty:
                await self._wait()
            try:
                size = os.readv(self._socket.fileno(), (window,))
            except BlockingIOError:
                self._empty = True
            except OSError as error:
                self._check_open()
                raise trio.BrokenResourceError(f"socket connection broken: {error}") from error
            else:
                self._empty = size < len(window)
                return size

    async def _wait(self) -> None:
        """Until the socket is readable, or may be."""
        now = trio.current_time()
        if now - self._woke_at < _GATHER_SECONDS:
            # Should nothing have come, the next turn comes here again, later than that.
            self._woke_at = float("-inf")
            await trio.sleep(_GATHER_SECONDS)
        else:
            self._check_open()
            await trio.lowlevel.wait_readable(self._socket)
            self._woke_at = trio.current_time()

    def _check_open(self) -> None:
        # Trio wakes who waits for a socket that is closed, but takes a closed one that is waited for as a bug.
        if self._socket.fileno() < 0:
            raise trio.ClosedResourceError("this side closed the connection")
