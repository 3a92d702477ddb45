"""Which frames speak about the stream itself, and what they say."""

from __future__ import annotations

import libipld
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer._fastpath.eventstream import control_positions
from indexer.firehose.control import StreamError, StreamInfo, read_control

DATA = [
    libipld.encode_dag_cbor({"op": 1, "t": kind}) for kind in ("#commit", "#sync", "#identity", "#account")
]


def frame(header: object, payload: object) -> bytes:
    return bytes(libipld.encode_dag_cbor(header)) + bytes(libipld.encode_dag_cbor(payload))


def test_data_headers_are_passed_over_whatever_follows() -> None:
    for header in DATA:
        assert control_positions([header, header + b"\xa0", header + bytes(1000)]) == []
        for size in range(len(header)):
            assert control_positions([header, header[:size]]) == [1]


@given(st.lists(st.one_of(st.sampled_from(DATA), st.binary(max_size=40)), max_size=20))
def test_everything_else_is_pointed_at(frames: list[bytes]) -> None:
    assert control_positions(frames) == [
        position for position, each in enumerate(frames) if not each.startswith(tuple(DATA))
    ]


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (frame({"op": 1, "t": "#info"}, {"name": "OutdatedCursor"}), StreamInfo("OutdatedCursor", "")),
        (frame({"op": 1, "t": "#info"}, {"name": "News", "message": "m"}), StreamInfo("News", "m")),
        # keys in the order in which somebody wrote them, and fields of the future
        (b"\xa2bop\x01ate#info" + b"\xa2gmessageamdnamedNews", StreamInfo("News", "m")),
        (frame({"op": -1}, {"error": "FutureCursor"}), StreamError("FutureCursor", "")),
        (frame({"op": -1}, {"error": "E", "message": "m", "x": [1, {"y": None}]}), StreamError("E", "m")),
        (frame({"op": -1}, {"error": 5}), StreamError("", "")),
        (frame({"op": -1}, {}), StreamError("", "")),
        # whatever this is, the decoder must refuse or ignore it
        (frame({"op": -1}, ["error"]), None),
        (frame({"op": 1, "t": "#unknown"}, {"name": "OutdatedCursor"}), None),
        (frame({"op": 2, "t": "#info"}, {"name": "OutdatedCursor"}), None),
        (frame({"op": True, "t": "#info"}, {"name": "OutdatedCursor"}), None),
        (frame({"op": 1.0, "t": "#info"}, {"name": "OutdatedCursor"}), None),
        (frame(["op", -1], {"error": "FutureCursor"}), None),
        (frame({"op": -1}, {"error": "FutureCursor"})[:-1], None),
        (bytes(libipld.encode_dag_cbor({"op": -1})), None),
        (b"", None),
        (b"\xa1bop\x20" + b"\x9f" * 100_000, None),
    ],
)
def test_reads_what_control_frames_say(sent: bytes, expected: StreamInfo | StreamError | None) -> None:
    assert control_positions([sent]) == [0]
    assert read_control(sent) == expected


@given(st.binary(max_size=60))
def test_noise_is_no_control_frame_and_no_crash(noise: bytes) -> None:
    assert read_control(b"\xa1bop\x20" + noise) is None or noise[:1] >= b"\xa0"
    assert read_control(noise) is None or noise[:1] in b"\xa1\xa2\xa3\xb8\xb9\xba\xbb"


def test_words_of_an_upstream_are_kept_short() -> None:
    control = read_control(frame({"op": -1}, {"error": "E", "message": "m" * 10_000}))
    assert isinstance(control, StreamError)
    assert len(control.message) == 500
