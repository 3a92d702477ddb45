"""The deframer against wsproto: any chunking of any sequence of frames means the same messages and control frames."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Event, Ping, Pong, TextMessage

from indexer._fastpath.websocket import Deframer
from tests.firehose.hostile import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, ws_frame

LARGEST = 5_000_000


def feed(deframer: Deframer, data: bytes) -> tuple[list[bytes], bytes]:
    deframer.writable(len(data))[:] = data
    deframer.received(len(data))
    messages, size = deframer.messages()
    assert size == sum(map(len, messages))
    return messages, deframer.take_control()


def run(chunks: list[bytes], largest: int = LARGEST) -> tuple[list[bytes], bytes, tuple[int, str] | None]:
    """What the deframer makes of the chunks, one read each: messages, control frames, violation."""
    deframer = Deframer(largest)
    messages: list[bytes] = []
    control = b""
    for chunk in chunks:
        found, frames = feed(deframer, chunk)
        messages += found
        control += frames
    return messages, control, deframer.violation


def cut(data: bytes, places: list[int]) -> list[bytes]:
    borders = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[a:b] for a, b in pairwise(borders) if a < b]


def oracle(data: bytes) -> tuple[list[bytes], list[Event], CloseConnection | None]:
    """The same by wsproto: binary messages, control events, and how it ended, if it did."""
    connection = Connection(ConnectionType.CLIENT)
    connection.receive_data(data)
    messages: list[bytes] = []
    control: list[Event] = []
    parts: list[bytes] = []
    for event in connection.events():
        if isinstance(event, BytesMessage):
            parts.append(bytes(event.data))
            if event.message_finished:
                messages.append(b"".join(parts))
                parts = []
        elif isinstance(event, CloseConnection):
            return messages, control, event
        elif isinstance(event, TextMessage):
            return messages, control, CloseConnection(code=1003)
        elif isinstance(event, Ping | Pong):
            control.append(event)
    return messages, control, None


def message_frames(pieces: list[bytes], interleaved: list[bytes]) -> bytes:
    """One message in as many fragments as there are pieces, a control frame after each but the last."""
    frames = b""
    for index, piece in enumerate(pieces):
        frames += ws_frame(BINARY if index == 0 else CONTINUATION, piece, fin=index == len(pieces) - 1)
        if index < len(pieces) - 1 and index < len(interleaved):
            frames += interleaved[index]
    return frames


payloads = st.one_of(
    st.binary(max_size=130),
    st.sampled_from([125, 126, 127, 65535, 65536, 70000]).map(lambda size: b"\x82" * size),
)
controls = st.builds(ws_frame, st.sampled_from([PING, PONG]), st.binary(max_size=125))
legal = st.one_of(
    st.builds(message_frames, st.lists(payloads, min_size=1, max_size=4), st.lists(controls, max_size=3)),
    controls,
)
closes = st.builds(
    lambda code, reason: ws_frame(CLOSE, code.to_bytes(2, "big") + reason),
    st.sampled_from([1000, 1001, 1011, 3000]),
    st.text(max_size=20).map(str.encode),
)
any_frame = st.builds(
    lambda opcode, payload, fin, rsv, mask, wide: ws_frame(
        opcode, payload, fin=fin, rsv=rsv, mask=mask, wide=wide if opcode < 8 else 0
    ),
    st.integers(0, 15),
    st.binary(max_size=200),
    st.booleans(),
    st.sampled_from([0, 0, 0, 0, 1, 2, 4]),
    st.sampled_from([None, None, None, b"mask"]),
    st.sampled_from([0, 0, 0, 16, 64]),
)


@given(st.lists(legal, max_size=8), st.one_of(st.just(b""), closes), st.lists(st.integers(0), max_size=12))
@settings(max_examples=300, deadline=None)
def test_any_chunking_gives_what_wsproto_gives(frames: list[bytes], close: bytes, places: list[int]) -> None:
    data = b"".join(frames) + close
    expected, events, _ = oracle(data)
    messages, control, violation = run(cut(data, places))
    assert messages == expected
    assert violation is None
    # What is handed out must mean the same to wsproto as what was received.
    assert oracle(control) == ([], events, oracle(data)[2])


@given(st.lists(st.one_of(legal, any_frame, closes), max_size=6), st.lists(st.integers(0), max_size=8))
@settings(max_examples=1000, deadline=None)
def test_refuses_what_wsproto_refuses(frames: list[bytes], places: list[int]) -> None:
    data = b"".join(frames)
    messages, control, violation = run(cut(data, places))
    expected, controls, end = oracle(data)
    assert messages == expected
    if violation is not None and violation[0] == 1003:
        # wsproto takes texts: it goes on to check the frame's length and UTF-8, and is silent at a bare head.
        assert end is None or end.code in (1002, 1003, 1007)
    elif violation is not None:
        assert end is not None
        assert violation[0] == end.code == 1002
    else:
        assert oracle(control)[1:] == (controls, end)


@given(st.binary(max_size=400), st.lists(st.integers(0), max_size=8))
@settings(max_examples=500, deadline=None)
def test_noise_means_the_same_in_any_chunking(data: bytes, places: list[int]) -> None:
    assert run(cut(data, places), 1000) == run([data] if data else [], 1000)


def test_byte_by_byte_through_every_state() -> None:
    data = b"".join(
        [
            ws_frame(BINARY, b"a" * 126),
            ws_frame(BINARY, b"b" * 65536, fin=False),
            ws_frame(PING, b"p"),
            ws_frame(CONTINUATION, b"", fin=True),
            ws_frame(BINARY, b""),
        ]
    )
    messages, control, violation = run([bytes([byte]) for byte in data])
    assert messages == [b"a" * 126, b"b" * 65536, b""]
    assert control == ws_frame(PING, b"p")
    assert violation is None


@pytest.mark.parametrize("size", [LARGEST + 1, 1 << 32, (1 << 63) - 1])
def test_a_length_beyond_the_limit_is_refused_at_the_head(size: int) -> None:
    head = b"\x82\x7f" + size.to_bytes(8, "big")
    assert run([head]) == ([], b"", (1009, "a message larger than 5000000 bytes"))


def test_the_limit_counts_all_fragments_of_a_message() -> None:
    first, second = ws_frame(BINARY, b"x" * 6, fin=False), ws_frame(CONTINUATION, b"x" * 4)
    assert run([first, second], 10) == ([b"x" * 10], b"", None)
    assert run([first, second], 9) == ([], b"", (1009, "a message larger than 9 bytes"))
    assert run([first, second, first, second], 10) == ([b"x" * 10] * 2, b"", None)


def test_nothing_is_read_after_a_close_or_a_violation() -> None:
    after = ws_frame(BINARY, b"late")
    close = ws_frame(CLOSE, b"\x03\xe8")
    assert run([close + after, after]) == ([], close, None)
    assert run([ws_frame(TEXT, b"x") + after, after])[0] == []


def test_claims_of_more_bytes_than_there_is_room_for_are_refused() -> None:
    deframer = Deframer(100)
    room = len(deframer.writable(10))
    assert room == 10
    with pytest.raises(ValueError, match="expected at most"):
        deframer.received(1 << 40)


def test_the_buffer_shrinks_again_after_a_large_message() -> None:
    deframer = Deframer(LARGEST)
    data = ws_frame(BINARY, bytes(LARGEST))
    for start in range(0, len(data), 65536):
        feed(deframer, data[start : start + 65536])
    # 5 MB would be kept for as long as the connection lives.
    deframer.writable(65536)
    with pytest.raises(ValueError, match=r"at most (\d{4,6}) bytes"):
        deframer.received(1 << 40)
