"""Input made to break the reader: it ends in an error with reason and offset, in little time and little memory."""

from __future__ import annotations

import random
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from indexer._fastpath import car, cbor, frame, transcode
from indexer._fastpath.cid import CID
from indexer._fastpath.proof import prove_commit, read_repository
from indexer.errors import FrameError
from tests.fastpath.builder import build_commit, costly_commit, honest, record, section, varint
from tests.fastpath.values import attempt

DOORS: list[Callable[[bytes], Any]] = [
    cbor.decode,
    cbor.check,
    transcode.to_json,
    frame.decode,
    prove_commit,
    car.read,
    read_repository,
]

LENGTHS = [
    (major, length)
    for major in range(8)
    for length in [1 << 64, (1 << 64) - 8, 1 << 63, 1 << 62, 1 << 40, 1 << 32, 1 << 31]
    if major > 1 or length > 1 << 63  # smaller ones are good integers
]


@pytest.mark.parametrize(
    "door", DOORS, ids=lambda door: f"{door.__module__.rsplit('.', 1)[-1]}.{door.__name__}"
)
class TestEveryDoor:
    @pytest.mark.parametrize("unit", [b"\x81", b"\xa1\x61a", b"\x9f", b"\xd8\x2a", b"\x82\x00"], ids=repr)
    def test_ten_million_levels(self, door: Callable[[bytes], Any], unit: bytes) -> None:
        data = unit * 10_000_000
        started = time.process_time()
        with pytest.raises(FrameError) as caught:
            door(data)
        assert 0 <= caught.value.offset <= len(data)
        assert time.process_time() - started < 1

    @pytest.mark.parametrize(("major", "length"), LENGTHS)
    def test_lengths_near_the_end_of_numbers(
        self, door: Callable[[bytes], Any], major: int, length: int
    ) -> None:
        head = bytes([major << 5 | 27]) + (length - 1).to_bytes(8, "big")
        for data in (
            head,
            b"\xa1\x61a" + head,
            b"\x81" + head + bytes(100),
            cbor.encode({"op": 1, "t": "#commit"}) + head,
        ):
            with pytest.raises(FrameError):
                door(data)

    def test_random_bytes(self, door: Callable[[bytes], Any]) -> None:
        rng = random.Random(1)
        for _ in range(3000):
            attempt(door, rng.randbytes(rng.randrange(200)))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "truncated"),
        (b"\x80", "truncated"),
        (b"\x80\x00", "varint"),
        (b"\xff" * 8 + b"\x7f", "truncated"),
        (b"\xff" * 9 + b"\x01", "varint"),
        (b"\x01\xa0", "header"),
        (varint(17) + cbor.encode({"roots": [], "version": 1}), "root"),
    ],
)
def test_headers_of_car_files(data: bytes, reason: str) -> None:
    with pytest.raises(FrameError, match=reason):
        car.read(data)


@pytest.mark.parametrize(
    "header",
    [
        {"roots": [CID.of(b"")]},
        {"roots": [CID.of(b"")], "version": 2},
        {"roots": [CID.of(b"")], "version": 1, "x": 1},
        {"roots": CID.of(b""), "version": 1},
        {"roots": [1], "version": 1},
        {"root": [CID.of(b"")], "version": 1},
    ],
)
def test_headers_that_are_not_version_one(header: dict[str, Any]) -> None:
    raw = cbor.encode(header)
    with pytest.raises(FrameError, match="CAR"):
        car.read(varint(len(raw)) + raw)


def test_sections_of_car_files() -> None:
    block = record(1)
    header = cbor.encode({"roots": [CID.of(block)], "version": 1})
    start = varint(len(header)) + header
    assert car.read(start) == (CID.of(block), [])
    good = start + section(CID.of(block), block)
    assert car.read(good) == (CID.of(block), honest([block]))
    for bad, reason in [
        (start + b"\x00", "shorter"),
        (start + varint(35) + bytes(35), "shorter"),
        (start + varint(36) + bytes(36), "CID"),
        (good + b"\x80", "truncated"),
        (good + varint(1 << 60), "truncated"),
        (good + section(CID.of(b""), block), "hash"),
    ]:
        with pytest.raises(FrameError, match=reason) as caught:
            car.read(bad)
        assert len(start) <= caught.value.offset <= len(bad)


def test_blocks_that_want_to_meet_in_one_slot() -> None:
    """Without hash checks a sender chooses digests freely; the table's seed is none of its business."""
    blocks = [(CID.from_digest(bytes(24) + number.to_bytes(8, "little")), b"") for number in range(20_000)]
    header = cbor.encode({"roots": [blocks[0][0]], "version": 1})
    data = varint(len(header)) + header + b"".join(section(cid, block) for cid, block in blocks)
    started = time.process_time()
    assert len(car.read(data, check_hashes=False)[1]) == len(blocks)
    assert time.process_time() - started < 0.5


def test_a_commit_made_to_cost_much(tmp_path: Path) -> None:
    """Two megabytes of one wide node, parted by two hundred deletes: measured in a process of its own."""
    path = tmp_path / "frame"
    path.write_bytes(costly_commit())
    program = (
        "import resource, sys, time\n"
        "from indexer._fastpath.proof import prove_commit\n"
        "data = open(sys.argv[1], 'rb').read()\n"
        "before = resource.getrusage(resource.RUSAGE_SELF)\n"
        "print(prove_commit(data).inverted)\n"
        "after = resource.getrusage(resource.RUSAGE_SELF)\n"
        "print(after.ru_maxrss - before.ru_maxrss, after.ru_utime - before.ru_utime, len(data))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True
    )
    inverted, figures = done.stdout.splitlines()
    kilobytes, seconds, size = figures.split()
    assert inverted == "True"
    assert int(kilobytes) * 1024 < 20 * int(size)
    assert float(seconds) < 0.5


def test_threads_may_share_nothing_but_the_code(relay_frames: list[bytes]) -> None:
    def prove(data: bytes) -> bool:
        return frame.decode(data)[0] != "#commit" or prove_commit(data).inverted

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(prove, relay_frames * 5))


def test_no_memory_is_lost() -> None:
    """The same good and bad frames over and over: the process stops growing."""
    good = build_commit({}, {"com.example.a/1": record(1)}).frame()
    bad = good[:-1]

    def some() -> None:
        for _ in range(3000):
            prove_commit(good)
            transcode.to_json(cbor.encode({"text": "x" * 500}))
            frame.decode(good)
            with pytest.raises(FrameError):
                prove_commit(bad)
            with pytest.raises(FrameError):
                transcode.to_json(b"\x82\x61a\xff")

    some()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    some()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 4096
