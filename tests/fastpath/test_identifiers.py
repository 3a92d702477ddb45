"""CIDs, TIDs, DIDs, and the protocol's string formats: compact forms lead back, the interop lists are sorted right."""

from __future__ import annotations

import base64
import datetime
import pickle
import string
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer._fastpath import cid, did, syntax, tid
from indexer._fastpath.cid import CID
from indexer.errors import FrameError
from tests.fastpath.values import cids

BASE32 = "abcdefghijklmnopqrstuvwxyz234567"


def accepts_at_uri(text: str) -> bool:
    try:
        syntax.split_at_uri(text)
    except FrameError:
        return False
    return True


def accepts_datetime(text: str) -> bool:
    try:
        syntax.parse_datetime(text)
    except FrameError:
        return False
    return True


FORMATS: dict[str, Callable[[str], bool]] = {
    "aturi": accepts_at_uri,
    "cid": cid.is_cid,
    "datetime": accepts_datetime,
    "did": syntax.valid_did,
    "handle": syntax.valid_handle,
    "nsid": syntax.valid_nsid,
    "recordkey": syntax.valid_rkey,
    "tid": tid.is_tid,
}


@pytest.mark.parametrize("name", FORMATS)
def test_interop_lists(name: str, interop: Callable[[str], Any]) -> None:
    accepts = FORMATS[name]
    assert [text for text in interop(f"syntax/{name}_syntax_valid.txt") if not accepts(text)] == []
    assert [text for text in interop(f"syntax/{name}_syntax_invalid.txt") if accepts(text)] == []


def test_interop_datetimes_that_parse_to_nothing(interop: Callable[[str], Any]) -> None:
    assert [text for text in interop("syntax/datetime_parse_invalid.txt") if accepts_datetime(text)] == []


# --- CID ------------------------------------------------------------------------------------------------------------


@given(cids)
def test_cid_text_leads_back(value: CID) -> None:
    text = str(value)
    assert text == "b" + base64.b32encode(bytes(value)).decode().lower().rstrip("=")
    assert CID.parse(text) == value
    assert CID(bytes(value)) == value
    assert CID.from_digest(value.digest, value.codec) == value
    assert pickle.loads(pickle.dumps(value)) == value
    assert hash(CID.parse(text)) == hash(value)
    assert cid.is_cid(text)


@given(cids, cids)
def test_cids_sort_and_differ_as_their_bytes(one: CID, other: CID) -> None:
    assert (one == other) == (bytes(one) == bytes(other))
    assert (one < other) == (bytes(one) < bytes(other))
    assert one != bytes(one)


@given(cids, st.data())
def test_every_changed_character_of_a_cid_shows(value: CID, data: st.DataObject) -> None:
    text = str(value)
    at = data.draw(st.integers(0, len(text) - 1))
    changed = text[:at] + data.draw(st.sampled_from(string.printable + "é")) + text[at + 1 :]
    try:
        assert (CID.parse(changed) == value) == (changed == text)
    except FrameError:
        assert changed != text


@pytest.mark.parametrize(
    "data", [b"", bytes(36), bytes(35), b"\x01\x71\x12\x20" + bytes(31), b"\x01\x71\x12\x20" + bytes(33)]
)
def test_bytes_that_are_no_cid(data: bytes) -> None:
    with pytest.raises(FrameError, match="CID"):
        CID(data)


# --- TID ------------------------------------------------------------------------------------------------------------


@given(st.integers(0, (1 << 63) - 1), st.integers(0, (1 << 63) - 1))
def test_tids_lead_back_and_sort_as_their_integers(one: int, other: int) -> None:
    assert tid.to_int(tid.to_text(one)) == one
    assert tid.is_tid(tid.to_text(one))
    assert (tid.to_text(one) < tid.to_text(other)) == (one < other)


@given(st.text(alphabet=string.printable + "é", max_size=15))
def test_text_is_a_tid_or_none(text: str) -> None:
    number = tid.to_int(text)
    assert number is None or tid.to_text(number) == text


def test_a_tid_with_the_top_bit_stays_text() -> None:
    assert tid.is_tid("jzzzzzzzzzzzz")
    assert tid.to_int("jzzzzzzzzzzzz") is None
    assert tid.to_int("bzzzzzzzzzzzz") == (1 << 63) - 1
    with pytest.raises(ValueError, match="0 or more"):
        tid.to_text(-1)


# --- DID ------------------------------------------------------------------------------------------------------------


@given(st.text(alphabet=BASE32, min_size=24, max_size=24))
def test_did_plc_leads_back(identifier: str) -> None:
    name = "did:plc:" + identifier
    key = did.to_key(name)
    assert key == b"\x01" + base64.b32decode(identifier.upper())
    assert did.from_key(key) == name


def test_other_dids_have_keys_of_their_own() -> None:
    names = [
        "did:web:example.com",
        "did:web:example.org",
        "did:plc:short",
        "did:plc:" + "A" * 24,
        "did:key:zQ3sh",
    ]
    keys = [did.to_key(name) for name in names]
    assert len(set(keys)) == len(names)
    assert all(len(key) == 16 and key[0] == 2 for key in keys)
    with pytest.raises(FrameError, match="DID"):
        did.from_key(keys[0])


@pytest.mark.parametrize(
    "text", ["", "did:", "did:plc:", "plc:abc", "did:PLC:abc", "did:web:a b", "did:web:é"]
)
def test_what_is_no_did_has_no_key(text: str) -> None:
    with pytest.raises(FrameError, match="DID"):
        did.to_key(text)


@pytest.mark.parametrize(
    ("text", "start", "end", "reads"),
    [
        # The first characters of a CID are its version and codec, its last one has two bits of padding.
        pytest.param(
            "bafyreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku", 8, 58, CID.parse, id="cid"
        ),
        pytest.param("did:plc:ewvi7nxzyoun6zhxrhs64oiz", 8, 32, did.to_key, id="did"),
        pytest.param("3l3qo2vutsw2b", 1, 13, tid.to_int, id="tid"),
    ],
)
def test_any_character_at_any_place_is_of_the_alphabet_or_refused(
    text: str, start: int, end: int, reads: Callable[[str], object]
) -> None:
    # Sixteen characters are looked at at once: none of them may hide another, nor its value count at another's place.
    seen = set()
    for place in range(start, end):
        for code in range(0x80):
            changed = text[:place] + chr(code) + text[place + 1 :]
            try:
                value = reads(changed)
            except FrameError:
                value = None
            if isinstance(value, bytes) and value[0] == 2:
                value = None  # a DID of another method than plc, or one that no directory knows
            assert (value is not None) == (chr(code) in BASE32), (place, code)
            if value is not None:
                seen.add(value)
    assert len(seen) == (end - start) * 31 + 1


# --- AT-URI and datetime --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("at://did:plc:abc/app.bsky.feed.post/3k", ("did:plc:abc", "app.bsky.feed.post", "3k")),
        ("at://alice.test/app.bsky.feed.post", ("alice.test", "app.bsky.feed.post", "")),
        ("at://alice.test", ("alice.test", "", "")),
    ],
)
def test_at_uri_parts(text: str, parts: tuple[str, str, str]) -> None:
    assert syntax.split_at_uri(text) == parts


@given(
    st.datetimes(datetime.datetime(1, 1, 2), datetime.datetime(9999, 12, 30)),
    st.integers(-14 * 60, 14 * 60).filter(bool),
    st.sampled_from(["", ".", "0", "123", "999999", "12345678901234567890"]),
)
def test_datetimes_as_the_calendar_says(moment: datetime.datetime, offset: int, fraction: str) -> None:
    moment = moment.replace(microsecond=0)
    seconds = (moment - datetime.datetime(1970, 1, 1)) // datetime.timedelta(seconds=1)
    text = moment.strftime(f"{moment.year:04}-%m-%dT%H:%M:%S")
    if fraction == ".":
        assert not accepts_datetime(text + ".Z")
        return
    milliseconds = int((fraction + "000")[:3])
    text += "." + fraction if fraction else ""
    assert syntax.parse_datetime(text + "Z") == seconds * 1000 + milliseconds
    assert syntax.is_canonical_datetime(text + "Z") == (len(fraction) == 3)
    zone = f"{'+' if offset > 0 else '-'}{abs(offset) // 60:02}:{abs(offset) % 60:02}"
    assert syntax.parse_datetime(text + zone) == (seconds - offset * 60) * 1000 + milliseconds
    assert not syntax.is_canonical_datetime(text + zone)
    assert not accepts_datetime(text)


@pytest.mark.parametrize(
    "text", ["2023-02-29T00:00:00Z", "1900-02-29T00:00:00Z", "2024-04-31T00:00:00Z", "2024-01-01T00:00:60Z"]
)
def test_days_and_seconds_that_do_not_exist(text: str) -> None:
    assert not accepts_datetime(text)
    assert accepts_datetime("2024-02-29T00:00:00Z")
    assert accepts_datetime("2000-02-29T00:00:00Z")
