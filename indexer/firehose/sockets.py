"""Reading from a socket that has much to give.

Owns one function; what is done with the bytes is the caller's business.
"""

from __future__ import annotations

import os

import trio


async def receive_into(stream: trio.SocketStream, window: memoryview) -> int:
    """Read what the kernel holds into `window`, waiting only if that is nothing; returns how much, 0 at the end of the
    stream. Raises trio.BrokenResourceError.

    A task switch costs as much as reading 30 KB, so there is none while bytes are there: the caller must yield now and
    then (`trio.lowlevel.checkpoint`).
    """
    try:
        try:
            return os.readv(stream.socket.fileno(), (window,))
        except BlockingIOError:
            return await stream.socket.recv_into(window)
    except OSError as error:
        raise trio.BrokenResourceError(f"socket connection broken: {error}") from error
