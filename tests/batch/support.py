"""For the tests of the batch door: frames files, a stand-in for the store's answers, a reader of COPY bodies."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
import zstandard

from indexer._fastpath.accounts import AccountTable
from indexer._fastpath.batch import Batch

SHARED = Path(os.environ.get("INDEXER_SHARED", Path(__file__).resolve().parents[3] / "shared"))

Row = tuple[bytes | None, ...]


def shared_file(name: str) -> Path:
    """A file of the shared vectors; skips the test where it is missing."""
    path = SHARED / "vectors" / name
    if not path.exists():
        pytest.skip(f"needs {path} (set INDEXER_SHARED to where the vectors are)")
    return path


def read_frames(name: str) -> list[bytes]:
    """The messages of a frames file: zstd of 4-byte big-endian lengths and frames."""
    data = zstandard.ZstdDecompressor().stream_reader(shared_file(name).read_bytes()).read()
    frames = []
    at = 0
    while at < len(data):
        (size,) = struct.unpack_from(">I", data, at)
        frames.append(data[at + 4 : at + 4 + size])
        at += 4 + size
    return frames


def read_documents(name: str) -> dict[str, bytes]:
    """DID -> DID document as JSON."""
    data = zstandard.ZstdDecompressor().stream_reader(shared_file(name).read_bytes()).read()
    return {did: json.dumps(document).encode() for did, document in json.loads(data).items()}


class Store:
    """What a store would answer: ids in the order of asking, states as they were put."""

    def __init__(self, table: AccountTable | None = None) -> None:
        self.table = table if table is not None else AccountTable()
        self.ids: dict[str, int] = {}
        self.paths: dict[str, int] = {}
        self.keys: dict[str, bytes] = {}

    def answer(self, batch: Batch) -> None:
        """Put everything that the batch lacks."""
        for did in batch.unknown(self.table):
            self.table.put(did, self.ids.setdefault(did, len(self.ids) + 1), 0, None, 0, self.keys.get(did))
        for path in batch.unknown_paths(self.table):
            self.table.put_path(path, self.paths.setdefault(path, -len(self.paths) - 1))

    def run(self, batch: Batch, *, strict: bool = False) -> Batch:
        """All steps but signatures."""
        self.answer(batch)
        batch.gate(self.table, strict=strict)
        batch.finish(self.table)
        return batch

    def did_of(self, actor: int) -> str:
        return {number: did for did, number in self.ids.items()}[actor]


def copy_rows(body: bytes) -> Iterator[Row]:
    """The rows of a binary COPY body."""
    at = 0
    while at < len(body):
        (columns,) = struct.unpack_from(">H", body, at)
        at += 2
        row: list[bytes | None] = []
        for _ in range(columns):
            (size,) = struct.unpack_from(">i", body, at)
            at += 4
            if size < 0:
                row.append(None)
            else:
                row.append(body[at : at + size])
                at += size
        yield tuple(row)


def integer(column: bytes | None) -> int | None:
    """A COPY column as a number."""
    return None if column is None else int.from_bytes(column, "big", signed=True)
