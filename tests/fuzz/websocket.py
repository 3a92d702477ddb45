"""Bytes of a WebSocket server, and of TLS records: the same bytes in other chunks mean the same."""

from __future__ import annotations

from collections.abc import Callable

import atheris

from indexer._fastpath.tls import whole_records
from indexer._fastpath.websocket import Deframer
from tests.fuzz._run import Seen, fuzz

LARGEST = 70_000
_SIZES = (0, 1, 2, 125, 126, 127, 200, 65535, 65536, 69_999, 70_000, 70_001)


def run(chunks: list[bytes]) -> tuple[list[bytes], bytes, tuple[int, str] | None, bool]:
    """Everything that a deframer has to say about the chunks, one read each."""
    deframer = Deframer(LARGEST)
    messages: list[bytes] = []
    control = b""
    for chunk in chunks:
        deframer.writable(len(chunk))[:] = chunk
        deframer.received(len(chunk))
        found, size = deframer.messages()
        assert size == sum(map(len, found))
        messages += found
        control += deframer.take_control()
    return messages, control, deframer.violation, deframer.ended


def frames_from(program: bytes) -> bytes:
    """Bytes of a server that is right more often than noise: two bytes of the program make one frame.

    The first has opcode and FIN, and at its upper end what is never right: a reserved bit, a mask, a length in a wider
    form. The second chooses the length.
    """
    wire = b""
    for first, second in zip(program[::2], program[1::2], strict=False):
        fault = first >> 5
        size = _SIZES[second % len(_SIZES)] if second & 0x80 else second & 0x1F
        final = 0x80 if first & 0x10 else 0
        wire += bytes([first & 0x0F | final | (0x40 if fault == 7 else 0)])
        mask = 0x80 if fault == 6 else 0
        if size > 0xFFFF or fault == 5:
            wire += bytes([127 | mask]) + size.to_bytes(8, "big")
        elif size > 125 or fault == 4:
            wire += bytes([126 | mask]) + size.to_bytes(2, "big")
        else:
            wire += bytes([size | mask])
        wire += bytes([second]) * size
        if len(wire) > 4 * LARGEST:
            break
    return wire


_instrumented: Callable[[bytes], bytes] = atheris.instrument_func(frames_from)


def target(seen: Seen, data: bytes) -> None:
    """The first byte says how long the chunks are, the second whether the rest is bytes of a server or makes them."""
    if len(data) < 3:
        return
    wire = data[2:] if data[1] & 1 else _instrumented(data[2:])
    step = max(data[0] + 1, len(wire) // 200)
    whole = run([wire] if wire else [])
    assert run([wire[start : start + step] for start in range(0, len(wire), step)]) == whole
    messages, control, violation, ended = whole
    seen.reached("", len(messages) + len(control))
    seen.reached("", 0 if violation is None else len(violation[1]))
    assert sum(map(len, messages)) + len(control) <= len(wire)
    assert all(len(message) <= LARGEST for message in messages)
    assert ended or violation is None
    stop, count = whole_records(wire, 0, len(wire), step * 64)
    assert 0 <= stop <= len(wire)
    assert (count == 0) == (stop == 0)


if __name__ == "__main__":
    fuzz("websocket", target)
