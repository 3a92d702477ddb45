"""Files of simulated frames and of DID documents, written and read.

Owns the two formats: frames as (4-byte big-endian length, frame), repeated; documents as one JSON object of DID ->
DID document; each compressed as zstd if the name ends in `.zst`. Deliberately apart from the program's own reader: the
simulation stands in for the network.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, cast

import zstandard

LENGTH = struct.Struct(">I")
READ_BYTES = 1 << 20
COMPRESSION_LEVEL = 1
"""Hashes and signatures do not compress; higher levels cost time and save 2 %."""

_SEQ_KEY = b"\x63seq"


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


def sequence_of(frame: bytes) -> int:
    """The sequence number of a frame that the simulation wrote; 0 if it has none.

    Looked for, not parsed: `seq` comes first in the small messages and after `ops` and `rev` in commits; only a hash in
    `ops` could hold the same four bytes before it (once in 10^8 frames), so what follows must be a number as well.
    """
    place = frame.find(_SEQ_KEY)
    while place >= 0 and place + 4 < len(frame):
        first, value = frame[place + 4], frame[place + 5 : place + 13]
        if first < 24:
            return first
        if first <= 27:
            return int.from_bytes(value[: 1 << first - 24], "big")
        place = frame.find(_SEQ_KEY, place + 4)
    return 0


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
    """Read a file of DID documents."""
    with open_reading(path) as file:
        documents: dict[str, dict[str, Any]] = json.loads(file.read())
        return documents
