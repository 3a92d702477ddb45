"""The frames that speak about the stream itself: `#info` and error frames.

Owns telling them from data frames at a glance, and what each means for the connection. Data frames are passed
on unread: whether they decode is for the batch door to say.
"""

from __future__ import annotations

from dataclasses import dataclass

from indexer._fastpath.cbor import TOLERATE_ALL, decode_at
from indexer.errors import FrameError

_MAX_CONTROL_BYTES = 64 << 10
_SHOWN_CHARACTERS = 500


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


def read_control(frame: bytes) -> StreamInfo | StreamError | None:
    """The control frame that `frame` is; None if it is anything else, also if it does not decode
    (event-stream specification, "Framing": header {op, t} and payload {name, message} or {error,
    message})."""
    if len(frame) > _MAX_CONTROL_BYTES:
        return None
    try:
        header, offset = decode_at(frame, 0, TOLERATE_ALL)
        if (
            not isinstance(header, dict) or type(header.get("op")) is not int
        ):  # true and 1.0 equal 1 in Python
            return None
        if (header.get("op"), header.get("t")) not in ((1, "#info"), (-1, None)):
            return None
        payload, _ = decode_at(frame, offset, TOLERATE_ALL)
    except FrameError:
        return None
    if not isinstance(payload, dict):
        return None
    if header["op"] == 1:
        return StreamInfo(_text(payload, "name"), _text(payload, "message"))
    return StreamError(_text(payload, "error"), _text(payload, "message"))


def _text(fields: dict[str, object], name: str) -> str:
    value = fields.get(name)
    return value[:_SHOWN_CHARACTERS] if isinstance(value, str) else ""
