"""The frames that speak about the stream itself: `#info` and error frames.

Owns telling them from data frames at a glance, and what each means for the connection. Data frames are passed
on unread: whether they decode is for the batch door to say.
"""

from __future__ import annotations

from dataclasses import dataclass

# Complete headers {op: 1, t: "#..."} of the data frames, in DAG-CBOR's only order: `t` before `op`.
_DATA_HEADERS = tuple(
    b"\xa2atg#commitbop\x01".replace(b"g#commit", bytes([0x60 + len(kind)]) + kind)
    for kind in (b"#commit", b"#identity", b"#account", b"#sync")
)
_COMMIT_HEADER = _DATA_HEADERS[0]

_MAX_CONTROL_BYTES = 64 << 10


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """An `#info` frame: the stream goes on."""

    name: str
    message: str


@dataclass(frozen=True, slots=True)
class StreamError:
    """An error frame: the stream ends after it."""

    error: str
    message: str


def control_positions(frames: list[bytes]) -> list[int]:
    """Where in `frames` those stand that may be control frames: all whose header is not that of a known data
    frame."""
    return [
        position
        for position, frame in enumerate(frames)
        if not frame.startswith(_COMMIT_HEADER) and not frame.startswith(_DATA_HEADERS)
    ]


def read_control(frame: bytes) -> StreamInfo | StreamError | None:
    """The control frame that `frame` is; None if it is anything else, also if it does not decode
    (event-stream specification, "Framing": header {op, t} and payload {name, message} or {error,
    message})."""
    try:
        header, offset = _read_map(frame, 0)
        if header.get("op") == 1 and header.get("t") == "#info":
            payload, _ = _read_map(frame, offset)
            return StreamInfo(_text(payload, "name"), _text(payload, "message"))
        if header.get("op") == -1:
            payload, _ = _read_map(frame, offset)
            return StreamError(_text(payload, "error"), _text(payload, "message"))
    except (IndexError, ValueError):
        return None
    return None


def _text(fields: dict[str, str | int], name: str) -> str:
    value = fields.get(name, "")
    return value[:500] if isinstance(value, str) else ""


def _read_map(frame: bytes, offset: int) -> tuple[dict[str, str | int], int]:
    """A CBOR map of texts and integers, the only values in control frames; anything else raises
    ValueError."""
    if len(frame) > _MAX_CONTROL_BYTES:
        raise ValueError("larger than any control frame")
    major, count, offset = _read_head(frame, offset)
    if major != 5:
        raise ValueError("not a map")
    fields: dict[str, str | int] = {}
    for _ in range(count):
        key, offset = _read_value(frame, offset)
        value, offset = _read_value(frame, offset)
        fields[str(key)] = value
    return fields, offset


def _read_value(frame: bytes, offset: int) -> tuple[str | int, int]:
    major, argument, offset = _read_head(frame, offset)
    if major == 0:
        return argument, offset
    if major == 1:
        return -1 - argument, offset
    if major == 3:
        if argument > len(frame) - offset:
            raise ValueError("text runs past the end")
        return frame[offset : offset + argument].decode(), offset + argument
    raise ValueError("neither text nor integer")


def _read_head(frame: bytes, offset: int) -> tuple[int, int, int]:
    """Major type, argument and where the item's content begins (RFC 8949, 3)."""
    initial = frame[offset]
    major, short = initial >> 5, initial & 0x1F
    if short < 24:
        return major, short, offset + 1
    if short > 27:
        raise ValueError("indefinite or reserved length")
    end = offset + 1 + (1 << (short - 24))
    if end > len(frame):
        raise ValueError("length runs past the end")
    return major, int.from_bytes(frame[offset + 1 : end], "big"), end
