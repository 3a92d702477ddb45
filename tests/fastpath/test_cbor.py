"""DAG-CBOR: what is accepted means the same to other implementations, and has exactly one encoding."""

from __future__ import annotations

import base64
import struct
from collections.abc import Callable
from typing import Any

import cbrrr
import libipld
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer._fastpath import cbor, transcode
from indexer._fastpath.cid import CID
from indexer.errors import FrameError
from tests.fastpath.values import attempt, values


def plain(value: Any) -> Any:
    """A decoded value with every implementation's CIDs as bytes."""
    if isinstance(value, CID | cbrrr.CID):
        return bytes(value)
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


def refused(data: bytes, tolerate: int = 0) -> FrameError:
    """The error for these bytes, which every door must raise alike."""
    with pytest.raises(FrameError) as caught:
        cbor.decode(data, tolerate)
    for door in (cbor.check, transcode.to_json):
        with pytest.raises(FrameError) as other:
            door(data, tolerate)
        assert (other.value.reason, other.value.offset) == (caught.value.reason, caught.value.offset)
    return caught.value


@given(values)
def test_round_trip(value: Any) -> None:
    data = cbor.encode(value)
    assert cbor.decode(data) == value
    assert cbor.check(data) == 0
    assert cbor.encode(cbor.decode(data)) == data


@given(values)
def test_others_read_and_write_the_same(value: Any) -> None:
    data = cbor.encode(value)
    assert plain(libipld.decode_dag_cbor(data)) == plain(value)
    decoded = cbrrr.decode_dag_cbor(data)
    assert plain(decoded) == plain(value)
    assert cbrrr.encode_dag_cbor(decoded) == data


@given(values)
def test_every_prefix_and_every_trailing_byte_is_refused(value: Any) -> None:
    data = cbor.encode(value)
    for length in range(len(data)):
        assert refused(data[:length]).offset <= length
    assert refused(data + b"\x00").offset == len(data)


@given(values, st.data())
def test_what_is_accepted_has_one_encoding(value: Any, data: st.DataObject) -> None:
    """Change a byte: it is refused, or it is the one encoding of another value, which the others read as well."""
    changed = bytearray(cbor.encode(value))
    at = data.draw(st.integers(0, len(changed) - 1))
    changed[at] = data.draw(st.integers(0, 255))
    if attempt(cbor.check, bytes(changed)) is None:
        refused(bytes(changed))
        return
    decoded = cbor.decode(bytes(changed))
    assert cbor.encode(decoded) == changed
    assert plain(libipld.decode_dag_cbor(bytes(changed))) == plain(decoded)
    assert plain(cbrrr.decode_dag_cbor(bytes(changed))) == plain(decoded)


@given(st.binary(max_size=60))
def test_random_bytes(data: bytes) -> None:
    if attempt(cbor.check, data) is None:
        refused(data)
    else:
        assert cbor.encode(cbor.decode(data)) == data


def test_the_data_models_fixtures(interop: Callable[[str], Any]) -> None:
    for fixture in interop("data-model/data-model-fixtures.json"):
        data = base64.b64decode(fixture["cbor_base64"] + "==")
        assert cbor.encode(cbor.decode(data)) == data
        assert str(CID.of(data)) == fixture["cid"]


LINK = b"\xd8\x2a\x58\x25\x00\x01\x71\x12\x20" + bytes(32)


@pytest.mark.parametrize(
    ("data", "offset", "reason"),
    [
        (b"", 0, "truncated"),
        (b"\x18\x17", 0, "shortest"),
        (b"\x19\x00\xff", 0, "shortest"),
        (b"\x1a\x00\x00\xff\xff", 0, "shortest"),
        (b"\x1b\x00\x00\x00\x00\xff\xff\xff\xff", 0, "shortest"),
        (b"\x38\x17", 0, "shortest"),
        (b"\x58\x01a", 0, "shortest"),
        (b"\x78\x01a", 0, "shortest"),
        (b"\x98\x01\x01", 0, "shortest"),
        (b"\xb8\x01\x61a\x01", 0, "shortest"),
        (b"\x81\x18\x17", 1, "shortest"),
        (b"\x1b\x80\x00\x00\x00\x00\x00\x00\x00", 0, "64 bits"),
        (b"\x3b\xff\xff\xff\xff\xff\xff\xff\xff", 0, "64 bits"),
        (b"\x1c", 0, "reserved"),
        (b"\xfc", 0, "reserved"),
        (b"\x5f\x41a\xff", 0, "indefinite"),
        (b"\x7f\x61a\xff", 0, "indefinite"),
        (b"\x9f\x01\xff", 0, "indefinite"),
        (b"\xbf\x61a\x01\xff", 0, "indefinite"),
        (b"\xff", 0, "indefinite"),
        (b"\xf7", 0, "simple"),
        (b"\xe0", 0, "simple"),
        (b"\xf8\x20", 0, "simple"),
        (b"\xf9\x3c\x00", 0, "floating"),
        (b"\xfa\x3f\x80\x00\x00", 0, "floating"),
        (b"\xfb" + struct.pack(">d", 1.5), 0, "floating"),
        (b"\xc0\x61a", 0, "tag"),
        (b"\xd8\x2b\x41a", 0, "tag"),
        (b"\xd9\x00\x2a" + LINK[2:], 0, "tag"),
        (LINK[:2] + b"\x61a", 2, "CID"),
        (LINK[:4] + b"\x01" + LINK[5:], 2, "CID"),
        (LINK[:5] + b"\x02" + LINK[6:], 2, "CID"),
        (LINK[:6] + b"\x70" + LINK[7:], 2, "CID"),
        (LINK[:7] + b"\x13" + LINK[8:], 2, "CID"),
        (b"\xd8\x2a\x58\x24\x00\x01\x71\x12\x1f" + bytes(31), 2, "CID"),
        (b"\xa1\x01\x01", 1, "not text"),
        (b"\xa1\x41a\x01", 1, "not text"),
        (b"\xa2\x61b\x01\x61a\x01", 4, "sorted"),
        (b"\xa2\x62aa\x01\x61b\x01", 5, "sorted"),
        (b"\xa2\x61a\x01\x61a\x01", 4, "twice"),
        (b"\x61\xff", 0, "UTF-8"),
        (b"\x62\xc0\x80", 0, "UTF-8"),
        (b"\x63\xed\xa0\x80", 0, "UTF-8"),
        (b"\x64\xf4\x90\x80\x80", 0, "UTF-8"),
        (b"\x64\xf0\x80\x80\x80", 0, "UTF-8"),
        (b"\x63\xe0\x80\x80", 0, "UTF-8"),
        (b"\x61\xc3", 0, "UTF-8"),
        (b"\x78\x20" + b"a" * 31 + b"\x80", 0, "UTF-8"),
        (b"\xa1\x61\x80\x01", 1, "UTF-8"),
        (b"\x62a", 0, "truncated"),
        (b"\x42a", 0, "truncated"),
        (b"\x82\x01", 0, "truncated"),
        (b"\x01\x01", 1, "after the value"),
    ],
)
def test_refusals_name_reason_and_offset(data: bytes, offset: int, reason: str) -> None:
    error = refused(data)
    assert reason in error.reason
    assert error.offset == offset


UTF8_SAMPLES = [
    "",
    "a" * 15,
    "a" * 16,
    "a" * 17,
    "é" * 9,
    "a" * 15 + "é",
    "a" * 16 + "é",
    "日本" * 11,
    "😀" * 5,
    "a" * 33 + "\x00",
]


@pytest.mark.parametrize("text", UTF8_SAMPLES)
def test_text_at_the_vectors_edges(text: str) -> None:
    raw = text.encode()
    assert cbor.decode(cbor.encode(text)) == text
    for at in range(len(raw)):
        damaged = raw[:at] + b"\xff" + raw[at + 1 :]
        refused(_text_head(len(damaged)) + damaged)


def _text_head(length: int) -> bytes:
    return bytes([0x60 | length]) if length < 24 else bytes([0x78, length])


@pytest.mark.parametrize(
    ("data", "value", "seen"),
    [
        (b"\xf9\x3c\x00", 1.0, cbor.TOLERATE_FLOATS),
        (b"\xf9\x00\x01", 5.960464477539063e-08, cbor.TOLERATE_FLOATS),
        (b"\xf9\xc0\x00", -2.0, cbor.TOLERATE_FLOATS),
        (b"\xfa\x3f\xc0\x00\x00", 1.5, cbor.TOLERATE_FLOATS),
        (b"\xfb" + struct.pack(">d", 0.1), 0.1, cbor.TOLERATE_FLOATS),
        (b"\x18\x17", 23, cbor.TOLERATE_LENGTHS),
        (b"\x1b" + bytes(7) + b"\x05", 5, cbor.TOLERATE_LENGTHS),
        (b"\x39\x00\x05", -6, cbor.TOLERATE_LENGTHS),
        (b"\x79\x00\x01a", "a", cbor.TOLERATE_LENGTHS),
        (b"\xa1\x78\x01a\x01", {"a": 1}, cbor.TOLERATE_LENGTHS),
        (b"\xa2\x61b\x01\x61a\x02", {"b": 1, "a": 2}, cbor.TOLERATE_KEYS),
        (b"\xa2\x62bb\xf9\x3c\x00\x61a\x02", {"bb": 1.0, "a": 2}, cbor.TOLERATE_KEYS | cbor.TOLERATE_FLOATS),
    ],
)
def test_deviations_are_tolerated_and_noted_only_when_asked(data: bytes, value: Any, seen: int) -> None:
    refused(data)
    refused(data, cbor.TOLERATE_ALL & ~seen)
    assert cbor.decode(data, cbor.TOLERATE_ALL) == value
    assert cbor.check(data, cbor.TOLERATE_ALL) == seen
    for length in range(len(data)):
        refused(data[:length], cbor.TOLERATE_ALL)


def test_tolerated_links_keep_their_codec() -> None:
    link = LINK[:6] + b"\x70" + LINK[7:]
    assert cbor.decode(link, cbor.TOLERATE_CIDS).codec == 0x70
    assert cbor.check(link, cbor.TOLERATE_ALL) == cbor.TOLERATE_CIDS


@pytest.mark.parametrize("number", [float("inf"), float("-inf"), float("nan")])
def test_floats_that_are_no_numbers_are_never_tolerated(number: float) -> None:
    for data in (
        b"\xfb" + struct.pack(">d", number),
        b"\xfa" + struct.pack(">f", number),
        b"\xf9" + struct.pack(">e", number),
    ):
        assert "finite" in refused(data, cbor.TOLERATE_ALL).reason


def test_keys_that_occur_twice_are_never_tolerated() -> None:
    assert "twice" in refused(b"\xa3\x61b\x01\x61a\x02\x61b\x03", cbor.TOLERATE_ALL).reason
    many = [f"{number:04}" for number in range(300)]
    head = b"\xb9" + len(many).to_bytes(2, "big")
    unsorted = head + b"".join(cbor.encode(key) + b"\x01" for key in reversed(many))
    with pytest.raises(FrameError, match="too many keys"):
        cbor.check(unsorted, cbor.TOLERATE_ALL)


@given(values)
def test_tolerance_changes_nothing_for_good_bytes(value: Any) -> None:
    data = cbor.encode(value)
    assert cbor.check(data, cbor.TOLERATE_ALL) == 0
    assert cbor.decode(data, cbor.TOLERATE_ALL) == value


def test_two_values_in_a_row() -> None:
    data = cbor.encode({"op": 1}) + cbor.encode([1, 2])
    first, offset = cbor.decode_at(data)
    second, end = cbor.decode_at(data, offset)
    assert (first, second, end) == ({"op": 1}, [1, 2], len(data))
    with pytest.raises(FrameError) as caught:
        cbor.decode_at(data[:-1], offset)
    assert caught.value.offset == offset
    for outside in (-1, len(data) + 1):
        with pytest.raises(ValueError, match="offset"):
            cbor.decode_at(data, outside)


@pytest.mark.parametrize("value", [1.5, {1: 2}, {b"a": 1}, object(), {"a": {1.0}}])
def test_values_without_a_form_are_refused(value: Any) -> None:
    with pytest.raises(TypeError, match="expected"):
        cbor.encode(value)


@pytest.mark.parametrize("value", [1 << 63, -(1 << 63) - 1, "\ud800"])
def test_values_out_of_range_are_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=r"expected|surrogates"):
        cbor.encode(value)


def test_nesting_up_to_the_limit() -> None:
    value: Any = 1
    for _ in range(cbor.MAXIMUM_DEPTH):
        value = [value]
    data = cbor.encode(value)
    assert cbor.decode(data) == value
    assert transcode.to_json(data) == b"[" * 128 + b"1" + b"]" * 128
    assert "deep" in refused(b"\x81" + data).reason
    with pytest.raises(ValueError, match="nesting"):
        cbor.encode([value])
