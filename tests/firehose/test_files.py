"""Frames files and their replay: every form is read back as written, every damage is named with its place."""

from __future__ import annotations

import math
import os
from pathlib import Path

import pytest
import trio
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexer.errors import FileFormatError
from indexer.firehose import FrameBatch, FramesReader, FramesWriter, replay_file


def read(path: Path, max_frames: int = 100, max_bytes: int = 1 << 20) -> list[bytes]:
    with FramesReader(path) as reader:
        return [frame for batch in reader.batches(max_frames, max_bytes) for frame in batch]


def write(path: Path, frames: list[bytes], *, compress: bool = True) -> Path:
    with FramesWriter(path, compress=compress) as writer:
        writer.write(frames)
        assert writer.frames == len(frames)
    return path


@given(frames=st.lists(st.binary(max_size=300)), compress=st.booleans(), max_frames=st.integers(1, 9))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50, deadline=None)
def test_reads_what_was_written(tmp_path: Path, frames: list[bytes], compress: bool, max_frames: int) -> None:
    path = write(tmp_path / "frames", frames, compress=compress)
    with FramesReader(path) as reader:
        batches = list(reader.batches(max_frames, 1000))
        assert reader.position == reader.size == path.stat().st_size
    assert [frame for batch in batches for frame in batch] == frames
    assert all(0 < len(batch) <= max_frames for batch in batches)
    assert all(sum(map(len, batch[:-1])) < 1000 for batch in batches)


def test_frames_span_reads(tmp_path: Path) -> None:
    frames = [bytes([number]) * size for number, size in enumerate([1 << 20, 5_000_000, 3, (1 << 20) - 4, 0])]
    assert read(write(tmp_path / "frames", frames), 2, 1 << 30) == frames


@pytest.mark.parametrize("compress", [True, False])
def test_every_cut_is_noticed(tmp_path: Path, compress: bool) -> None:
    frames = [b"first", b"", b"third frame"]
    plain = b"".join(len(frame).to_bytes(4, "big") + frame for frame in frames)
    borders = {0: 0, 9: 1, 13: 2, len(plain): 3}
    path = tmp_path / "cut"
    for cut in range(len(plain) + 1):
        path.write_bytes(zstandard.compress(plain[:cut]) if compress else plain[:cut])
        if cut in borders:
            assert read(path) == frames[: borders[cut]]
        else:
            begins = max(border for border in borders if border < cut)
            with pytest.raises(FileFormatError, match=rf"begins at offset {begins} \({cut - begins} bytes"):
                read(path)


def test_a_length_beyond_the_limit_is_refused_where_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "frames"
    path.write_bytes(b"\0\0\0\1x" + (5_000_001).to_bytes(4, "big") + b"x" * 50)
    with FramesReader(path) as reader:
        batches = reader.batches(10, 100)
        assert next(batches) == [b"x"]
        with pytest.raises(
            FileFormatError, match=r"at most 5000000 bytes, got a length of 5000001 at offset 5"
        ):
            next(batches)
    with FramesWriter(path) as writer, pytest.raises(FileFormatError, match="got 5000001"):
        writer.write([bytes(5_000_001)])


def test_damaged_compression_and_missing_files_are_named(tmp_path: Path) -> None:
    path = write(tmp_path / "frames", [os.urandom(1000) for _ in range(100)])
    data = bytearray(path.read_bytes())
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(FileFormatError, match="frames"):
        read(path)
    data[len(data) // 2] ^= 0xFF
    data[5] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(FileFormatError, match="frames"):
        read(path)
    with pytest.raises(FileFormatError, match="absent: cannot be read: No such file"):
        read(tmp_path / "absent")


@pytest.mark.anyio
async def test_replay_sends_every_frame_and_then_ends(tmp_path: Path) -> None:
    frames = [number.to_bytes(4, "big") for number in range(1000)]
    path = write(tmp_path / "frames", frames)
    steps: list[tuple[int, int]] = []
    send, receive = trio.open_memory_channel[FrameBatch](0)
    got: list[bytes] = []
    async with trio.open_nursery() as nursery, receive:
        nursery.start_soon(
            lambda: replay_file(path, send, max_frames=64, progress=lambda *step: steps.append(step))
        )
        async for batch in receive:
            assert batch.upstream == f"file:{path}"
            got += batch.frames
    assert got == frames
    assert steps[-1] == (path.stat().st_size, path.stat().st_size)


@pytest.mark.anyio
async def test_replay_sends_what_comes_before_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "frames"
    path.write_bytes(b"\0\0\0\1x" * 3 + b"\0\0\0\2y")
    send, receive = trio.open_memory_channel[FrameBatch](math.inf)
    with pytest.raises(FileFormatError, match="begins at offset 15"):
        await replay_file(path, send)
    assert [frame async for batch in receive for frame in batch.frames] == [b"x"] * 3


@pytest.mark.anyio
async def test_replay_ends_when_nobody_listens(tmp_path: Path) -> None:
    path = write(tmp_path / "frames", [b"x"] * 10)
    send, receive = trio.open_memory_channel[FrameBatch](0)
    receive.close()
    assert await replay_file(path, send) == 0


def test_reads_real_relay_frames(shared_directory: Path) -> None:
    frames = read(shared_directory / "vectors" / "relay-frames" / "frames.zst")
    assert len(frames) == 150
    assert sum(frame.startswith(b"\xa2atg#commitbop\x01") for frame in frames) == 148
