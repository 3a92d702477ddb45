"""SHA-256 against hashlib: every length around the block size, both code paths, any mix under way at once."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer._fastpath import sha256


@pytest.fixture(params=["extensions", "portable"])
def code_path(request: pytest.FixtureRequest) -> Iterator[None]:
    sha256.allow_extensions(request.param == "extensions")
    if request.param == "extensions" and not sha256.uses_extensions():
        pytest.skip("this processor has no SHA extensions")
    yield
    sha256.allow_extensions(True)


@pytest.mark.usefixtures("code_path")
def test_every_length_up_to_some_blocks() -> None:
    data = random.Random(1).randbytes(600)
    for length in range(len(data)):
        assert sha256.digest(data[:length]) == hashlib.sha256(data[:length]).digest(), length


@pytest.mark.usefixtures("code_path")
def test_a_long_message() -> None:
    data = random.Random(2).randbytes(3_000_001)
    assert sha256.digest(data) == hashlib.sha256(data).digest()


@pytest.mark.usefixtures("code_path")
def test_every_pair_of_lengths_under_way_together() -> None:
    lengths = [0, 1, 55, 56, 63, 64, 65, 119, 120, 127, 128, 129, 500]
    source = random.Random(3).randbytes(500)
    for first in lengths:
        for second in lengths:
            messages = [source[:first], source[500 - second :], source[:second]]
            assert sha256.digests(messages) == [hashlib.sha256(message).digest() for message in messages]


@given(st.lists(st.binary(max_size=300), max_size=12))
def test_any_list(messages: list[bytes]) -> None:
    assert sha256.digests(messages) == [hashlib.sha256(message).digest() for message in messages]
