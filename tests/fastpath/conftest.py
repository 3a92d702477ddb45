"""Fixtures of the byte core's tests: real frames and the protocol's own vectors (skipped where they are not)."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from indexer.firehose.files import FramesReader


def read_frames(path: Path) -> list[bytes]:
    """All frames of a file."""
    with FramesReader(path) as reader:
        return [frame for batch in reader.batches(max_frames=1000, max_bytes=1 << 24) for frame in batch]


@pytest.fixture(scope="session")
def interop(shared_directory: Path) -> Callable[[str], Any]:
    """Reads an interop vector: parsed JSON, or the lines of a text file without comments and blanks."""

    def read(name: str) -> Any:
        text = (shared_directory / "vectors" / "interop" / name).read_text()
        if name.endswith(".json"):
            return json.loads(text)
        return [line for line in text.split("\n") if line.strip() and not line.startswith("#")]

    return read


@pytest.fixture(scope="session")
def relay_frames(shared_directory: Path) -> list[bytes]:
    return read_frames(shared_directory / "vectors" / "relay-frames" / "frames.zst")


@pytest.fixture(scope="session")
def load_frames(shared_directory: Path) -> list[bytes]:
    return read_frames(shared_directory / "vectors" / "pds-frames" / "load.frames.zst")


@pytest.fixture(scope="session")
def repository_car(shared_directory: Path) -> bytes:
    return (shared_directory / "vectors" / "relay-frames" / "repo.car").read_bytes()
