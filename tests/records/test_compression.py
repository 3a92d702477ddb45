"""What is stored of a record gives its very bytes back, and nothing else."""

from __future__ import annotations

import hashlib
import random
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer._fastpath import cbor
from indexer.errors import InvariantBroken
from indexer.records.compression import DICTIONARY, compress, original

POST = cbor.encode(
    {
        "$type": "app.bsky.feed.post",
        "text": "Nothing that stands in the dictionary, neither quetzals nor zeppelins",
        "createdAt": "2026-02-03T04:05:06.789Z",
        "langs": ["en"],
    }
)


def test_the_dictionary_is_the_one_that_stored_records_need() -> None:
    """Never to be mended: another dictionary has another number, and this one stays."""
    data = (files("indexer.records") / f"records.{DICTIONARY}.dictionary").read_bytes()
    assert (
        hashlib.sha256(data).hexdigest() == "7d50649cff34436723a0069226b052b8732ac749e494ec831b6ec3bfca428a8e"
    )


def test_a_record_that_was_stored_long_ago() -> None:
    stored = bytes.fromhex(
        "0120945d020083820719cc455262e5c5a62faed35433138e67e679d52611c0f874aca77a4e35020dfc661d902d"
        "d4bc1d2e3c01ef93042d6c8822c6af257206b68d122f44ebaec077d4f5713277cd7a0202"
    )
    assert original(stored) == POST


def test_a_post_shrinks() -> None:
    (stored,) = compress([POST])
    assert stored[0] == DICTIONARY
    assert len(stored) < 0.7 * len(POST)
    assert original(stored) == POST


def test_what_does_not_shrink_and_what_was_stored_before_stand_as_they_are() -> None:
    noise = b"\xa1" + random.Random(1).randbytes(500)
    assert compress([noise]) == [noise]
    assert original(POST) == POST


@given(st.lists(st.binary(min_size=1, max_size=600)))
def test_any_bytes_come_back(records: list[bytes]) -> None:
    assert [original(stored) for stored in compress(records)] == records


def test_large_ones_come_back() -> None:
    records = [b"\xa0" * 70_000, bytes(2_000_000), b"\xa1" + random.Random(2).randbytes(100_000)]
    assert [original(stored) for stored in compress(records)] == records


def test_threads_do_not_disturb_one_another() -> None:
    records = [cbor.encode({"text": str(number) * 50}) for number in range(300)]

    def work(_: int) -> bool:
        return [original(stored) for stored in compress(records)] == records

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(64)))


@pytest.mark.parametrize("stored", [b"\x02" + POST, b"\x01", b"\x01\xff\xff", compress([POST])[0][:-1]])
def test_a_broken_one_is_no_record(stored: bytes) -> None:
    with pytest.raises(InvariantBroken):
        original(stored)
