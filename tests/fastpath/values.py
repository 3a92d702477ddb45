"""Hypothesis strategies for what DAG-CBOR can say, and how a door's answer is taken."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from hypothesis import strategies as st

from indexer._fastpath.cid import CID
from indexer.errors import FrameError

Result = TypeVar("Result")

cids = st.builds(CID.from_digest, st.binary(min_size=32, max_size=32), st.sampled_from([0x71, 0x55]))

integers = st.one_of(
    st.integers(-(1 << 63), (1 << 63) - 1),
    st.integers(-300, 70000),
    st.sampled_from(
        [0, 23, 24, 255, 256, 65535, 65536, (1 << 32) - 1, 1 << 32, (1 << 63) - 1, -1, -24, -25, -(1 << 63)]
    ),
)

texts = st.one_of(st.text(max_size=40), st.text(alphabet='abc"\\\x00\x1f\x7f', max_size=40))

leaves = st.one_of(st.none(), st.booleans(), integers, texts, st.binary(max_size=80), cids)

values: st.SearchStrategy[Any] = st.recursive(
    leaves,
    lambda inner: st.one_of(st.lists(inner, max_size=6), st.dictionaries(texts, inner, max_size=6)),
    max_leaves=25,
)


def attempt(door: Callable[[bytes], Result], data: bytes) -> Result | None:
    """What the door makes of the bytes, or None where it refuses them, at a place within them."""
    try:
        return door(data)
    except FrameError as error:
        offset = error.offset
    assert 0 <= offset <= len(data)
    return None
