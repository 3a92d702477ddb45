"""Files of simulated frames and of DID documents, written and read.

Owns the two formats: frames as (4-byte big-endian length, frame), repeated; documents as one JSON object of DID ->
DID document; each compressed as zstd if the name ends in `.zst`. Deliberately apart from the program's own reader: the
simulation stands in for the network.
"""

from __future__ import annotations

import io
import json
import struct
from array import array
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, cast

import zstandard

from indexer._fastpath.framesfile import sequence_numbers
from indexer.errors import FileFormatError

LENGTH = struct.Struct(">I")
READ_BYTES = 1 << 20
COMPRESSION_LEVEL = 1
"""Hashes and signatures do not compress; higher levels cost time and save 2 %."""

MOST_FRAME_BYTES = 5_000_000
"""What the event-stream specification lets a server send."""


def open_writing(path: Path) -> BinaryIO:
    """A file to write into, compressing if it is named so."""
    if path.suffix == ".zst":
        compressor = zstandard.ZstdCompressor(level=COMPRESSION_LEVEL, write_checksum=True)
        return cast(BinaryIO, compressor.stream_writer(path.open("wb"), closefd=True))
    return path.open("wb")


def open_reading(path: Path) -> BinaryIO:
    """A file to read from, decompressing if it is named so."""
    if path.suffix == ".zst":
        return cast(
            BinaryIO, zstandard.ZstdDecompressor().stream_reader(path.open("rb"), read_across_frames=True)
        )
    return path.open("rb")


class FrameFile:
    """A file of frames to write; use as a context manager."""

    def __init__(self, path: Path) -> None:
        self._file = open_writing(path)

    def write(self, frames: Iterable[bytes]) -> None:
        """Append frames."""
        self._file.write(b"".join([part for frame in frames for part in (LENGTH.pack(len(frame)), frame)]))

    def __enter__(self) -> FrameFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


def read_frames(path: Path, chunk_bytes: int = READ_BYTES) -> Iterator[list[bytes]]:
    """The file's frames in lists of about so many bytes. Raises ValueError if it ends within a frame."""
    rest = b""
    with open_reading(path) as file:
        while chunk := file.read(chunk_bytes):
            buffer = rest + chunk if rest else chunk
            frames, start, end = [], 0, len(buffer)
            while end - start >= 4:
                stop = start + 4 + LENGTH.unpack_from(buffer, start)[0]
                if stop > end:
                    break
                frames.append(buffer[start + 4 : stop])
                start = stop
            rest = buffer[start:]
            if frames:
                yield frames
    if rest:
        raise ValueError(f"{path} ends within a frame ({len(rest)} bytes are left)")


class FrameBytes:
    """The bytes of a frames file, piece by piece: `data[start:end]`; the taker moves `start` behind what it took.

    For those who want no object for each frame. Use as a context manager.
    """

    def __init__(self, path: Path, chunk_bytes: int = READ_BYTES) -> None:
        self.path = path
        self.data = bytearray(chunk_bytes)
        self.start = self.end = 0
        self._file = open_reading(path)

    def more(self) -> bool:
        """Read on behind what was not taken; whether there was more.

        Raises ValueError at a frame larger than a server may send, and where the file ends within one.
        """
        rest = self.end - self.start
        if (
            rest >= LENGTH.size
            and (length := LENGTH.unpack_from(self.data, self.start)[0]) > MOST_FRAME_BYTES
        ):
            raise ValueError(f"{self.path} has a frame of {length} bytes, more than {MOST_FRAME_BYTES}")
        self.data[:rest] = self.data[self.start : self.end]
        self.start, self.end = 0, rest
        if rest == len(self.data):
            self.data.extend(bytes(rest))
        with memoryview(self.data) as view, view[rest:] as room:
            size = cast(io.RawIOBase, self._file).readinto(room) or 0
        self.end += size
        if rest and not size:
            raise ValueError(f"{self.path} ends within a frame ({rest} bytes are left)")
        return size > 0

    def __enter__(self) -> FrameBytes:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


def sequence_of(frame: bytes) -> int:
    """The sequence number of a frame; 0 if it has none."""
    numbers = array("q")
    numbers.frombytes(sequence_numbers(LENGTH.pack(len(frame)) + frame, 0, LENGTH.size + len(frame))[0])
    return numbers[0]


def read_sequence_numbers(path: Path, copy: BinaryIO | None = None) -> array[int]:
    """The sequence numbers of all frames of a file, in order; its bytes, decompressed, are written to `copy`.

    Raises ValueError as FrameBytes.more does.
    """
    numbers = array("q")
    with FrameBytes(path) as file:
        while file.more():
            begin = file.start
            found, file.start = sequence_numbers(file.data, begin, file.end)
            numbers.frombytes(found)
            if copy is not None:
                with memoryview(file.data) as view:
                    copy.write(view[begin : file.start])
    return numbers


def write_documents(path: Path, documents: Iterable[dict[str, Any]]) -> None:
    """Write DID documents as one JSON object, one after the other."""
    with open_writing(path) as file:
        separator = b"{"
        for document in documents:
            body = json.dumps(document, separators=(",", ":"))
            file.write(separator + json.dumps(document["id"]).encode() + b":" + body.encode())
            separator = b",\n"
        file.write(b"{}" if separator == b"{" else b"}\n")


def read_documents(path: Path) -> dict[str, dict[str, Any]]:
    """Read a file of DID documents. Raises FileFormatError where it is none."""
    try:
        with open_reading(path) as file:
            documents = json.loads(file.read())
    except (ValueError, OSError, zstandard.ZstdError) as error:
        raise FileFormatError(f"{path}: expected DID documents as one JSON object: {error}") from None
    if not isinstance(documents, dict):
        raise FileFormatError(f"{path}: expected DID documents as one JSON object, got another value")
    return documents
