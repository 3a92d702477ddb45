"""A frames file as a source, through the same channel as a connection.

Owns the read-ahead: reading and decompressing run in a worker thread, one list ahead of the consumer.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import trio

from indexer.errors import FileFormatError
from indexer.firehose.batch import FrameBatch
from indexer.firehose.files import FramesReader

# What a read brings: a list of frames, the fault that ended the file, or None at its end.
_Read = list[bytes] | FileFormatError | None


async def replay_file(
    path: Path,
    send: trio.MemorySendChannel[FrameBatch],
    *,
    max_frames: int = 4096,
    max_bytes: int = 16 << 20,
    progress: Callable[[int, int], None] | None = None,
) -> int:
    """Send all frames of the file at `path`, as fast as they are taken, then close `send`; returns how many
    they were.

    The batches' upstream is `file:` and the path. `progress` is called with the bytes read and the size of
    the file. Raises FileFormatError after the frames before the fault were sent. Ends early if the receiver
    closes its end.
    """
    total = 0
    async with send:
        with FramesReader(path) as reader:
            batches = reader.batches(max_frames, max_bytes)
            frames = await trio.to_thread.run_sync(_read, batches)
            while isinstance(frames, list):
                count = len(frames)
                ahead: list[_Read] = []
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(_read_ahead, batches, ahead)
                    try:
                        await send.send(FrameBatch(f"file:{path}", frames, time.time()))
                    except trio.BrokenResourceError:
                        return total
                total += count
                if progress is not None:
                    progress(reader.position, reader.size)
                frames = ahead[0]
            if frames is not None:
                raise frames
    return total


async def _read_ahead(batches: Iterator[list[bytes]], ahead: list[_Read]) -> None:
    ahead.append(await trio.to_thread.run_sync(_read, batches))


def _read(batches: Iterator[list[bytes]]) -> _Read:
    """The next list. A fault is a result and no exception, so that the list before it is delivered first."""
    try:
        return next(batches, None)
    except FileFormatError as error:
        return error
