"""Files of frames, for replay and for tests.

Owns the format: a 4-byte big-endian length and the frame, repeated, plain or compressed as zstd (told by its
magic number). Knows nothing of what a frame means.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import zstandard

from indexer.errors import FileFormatError
from indexer.firehose.options import MAX_MESSAGE_BYTES

_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_LENGTH = struct.Struct(">I")
_READ_BYTES = 1 << 20


class FramesReader:
    """Reads a frames file in lists; use as a context manager.

    `size` and `position` are bytes of the file as it lies on disk, for a progress bar. Opening raises
    FileFormatError if the file cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file: BinaryIO = path.open("rb")
            self.size = path.stat().st_size
            compressed = self._file.read(len(_ZSTD_MAGIC)) == _ZSTD_MAGIC
            self._file.seek(0)
        except OSError as error:
            raise FileFormatError(f"{path}: cannot be read: {error.strerror}") from error
        self._source: BinaryIO = (
            zstandard.ZstdDecompressor().stream_reader(self._file, read_across_frames=True)
            if compressed
            else self._file
        )

    @property
    def position(self) -> int:
        return self._file.tell()

    def batches(self, max_frames: int, max_bytes: int) -> Iterator[list[bytes]]:
        """The file's frames in order, in lists of at least one and at most `max_frames` frames or about
        `max_bytes` bytes.

        Raises FileFormatError, with the offset in the decompressed file, at a length beyond 5 MB, a file that
        ends within a length or a frame, or damaged compression; every frame before that was yielded.
        """
        buffer = b""
        start = 0
        offset = 0
        frames: list[bytes] = []
        size = 0
        while chunk := self._read(offset + len(buffer) - start):
            buffer = buffer[start:] + chunk
            start = 0
            end = len(buffer)
            while end - start >= 4:
                (length,) = _LENGTH.unpack_from(buffer, start)
                if length > MAX_MESSAGE_BYTES:
                    if frames:
                        yield frames
                    raise FileFormatError(
                        f"{self.path}: expected a frame of at most {MAX_MESSAGE_BYTES} bytes, "
                        f"got a length of {length} at offset {offset}"
                    )
                if end - start - 4 < length:
                    break
                frames.append(buffer[start + 4 : start + 4 + length])
                start += 4 + length
                offset += 4 + length
                size += length
                if len(frames) >= max_frames or size >= max_bytes:
                    yield frames
                    frames, size = [], 0
        if frames:
            yield frames
        if rest := len(buffer) - start:
            what = "length" if rest < 4 else f"frame of {_LENGTH.unpack_from(buffer, start)[0]} bytes"
            raise FileFormatError(
                f"{self.path}: ends within a {what} that begins at offset {offset} ({rest} bytes are left)"
            )

    def _read(self, offset: int) -> bytes:
        try:
            return self._source.read(_READ_BYTES)
        except zstandard.ZstdError as error:
            raise FileFormatError(f"{self.path}: damaged zstd data after offset {offset}: {error}") from error
        except OSError as error:
            raise FileFormatError(
                f"{self.path}: cannot be read at offset {offset}: {error.strerror}"
            ) from error

    def __enter__(self) -> FramesReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._source is not self._file:
            self._source.close()
        self._file.close()


class FramesWriter:
    """Writes a frames file as zstd (or plain), streaming; use as a context manager. An existing file is
    replaced."""

    def __init__(self, path: Path, *, compress: bool = True) -> None:
        self._file: BinaryIO = path.open("wb")
        self._sink = (
            zstandard.ZstdCompressor(level=3).stream_writer(self._file, closefd=False)
            if compress
            else self._file
        )
        self.frames = 0

    def write(self, frames: Iterable[bytes]) -> None:
        """Append frames of at most 5 MB each; a larger one raises FileFormatError."""
        for frame in frames:
            if len(frame) > MAX_MESSAGE_BYTES:
                raise FileFormatError(
                    f"expected a frame of at most {MAX_MESSAGE_BYTES} bytes, got {len(frame)}"
                )
            self._sink.write(_LENGTH.pack(len(frame)))
            self._sink.write(frame)
            self.frames += 1

    def __enter__(self) -> FramesWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._sink is not self._file:
            self._sink.close()
        self._file.close()
