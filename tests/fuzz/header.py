"""Any bytes as the header of an event-stream frame: the glance, the decoder and the control reader agree."""

from __future__ import annotations

from indexer._fastpath import cbor, frame
from indexer._fastpath.eventstream import control_positions
from indexer.errors import FrameError
from indexer.firehose.control import read_control
from tests.fuzz._run import Seen, fuzz

DATA_TYPES = ("#commit", "#sync", "#account", "#identity")


def target(seen: Seen, data: bytes) -> None:
    is_data = control_positions([data]) == []
    assert control_positions([data, b"", data]) == ([1] if is_data else [0, 1, 2])
    try:
        header, end = cbor.decode_at(data, 0)
    except FrameError as error:
        seen.reached(error.reason, error.offset)
        header, end = None, 0
    expected = (
        isinstance(header, dict)
        and header in [{"op": 1, "t": name} for name in DATA_TYPES]
        and header["op"] is not True  # which equals 1 in Python
    )
    assert is_data == expected, (is_data, header)
    control = read_control(data)
    seen.reached("", 0 if control is None else 1 + end)
    assert control is None or not is_data
    decoded = seen.answer(frame.decode, data)
    assert not isinstance(decoded, tuple) or (decoded[0] in DATA_TYPES) == is_data


if __name__ == "__main__":
    fuzz("header", target)
