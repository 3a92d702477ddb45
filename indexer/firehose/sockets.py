"""Reading from a socket that has much to give.

Owns when to wait and when to read on; what is done with the bytes is the caller's business.
"""

from __future__ import annotations

import os

import trio


class SocketReader:
    """Reads a Trio socket stream into buffers of the caller's, with as few system calls and task switches as can be.

    A task switch costs as much as reading 50 KB. So there is none while reads come back full: the caller must yield now
    and then (`trio.lowlevel.checkpoint`). After a read that came back short the socket is empty, and asking it again
    before it says that it is readable would only cost another call.
    """

    def __init__(self, stream: trio.SocketStream) -> None:
        self._socket = stream.socket
        self._empty = True

    async def receive_into(self, window: memoryview) -> int:
        """Fill `window` as far as the kernel can, waiting only if it has nothing; returns how many bytes, 0 at the end
        of the stream. Raises trio.BrokenResourceError, or trio.ClosedResourceError if this side closed it."""
        while True:
            if self._empty:
                await trio.lowlevel.wait_readable(self._socket)
            try:
                size = os.readv(self._socket.fileno(), (window,))
            except BlockingIOError:
                self._empty = True
            except OSError as error:
                raise trio.BrokenResourceError(f"socket connection broken: {error}") from error
            else:
                self._empty = size < len(window)
                return size
