"""Whatever byte of a usual form is changed, the readers that know it whole decide as the general ones do.

The general readers are met by one more field, which says nothing and sorts last. Hashes are not checked: they would
hide the rest.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from indexer._fastpath import car, frame
from indexer._fastpath.batch import Batch, decode
from tests.batch.support import Store, copy_rows, read_frames
from tests.batch.test_oracle import unusual

BITS = (0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0xFF)
EXTRA = {1: 11, 2: 11, 3: 9, 4: 6}
"""Which column of an edge's row holds the record where the others do not give it back."""


def outcome(data: bytes, whole: bool = True) -> tuple[object, ...]:
    """What becomes of a frame: how the stream ends, or status, drops and rows (without the records, unless `whole`)."""
    batch = decode([data], hashes=False)
    if batch.error is not None:
        return ("error",)  # which one may depend on what follows
    store = Store()
    named = sorted(batch.unknown(store.table))
    store.run(batch)
    rows = [
        row if whole else row[: EXTRA[kind]] + row[EXTRA[kind] + 1 :]
        for kind in EXTRA
        for row in copy_rows(batch.copy_edges(kind, 0))
    ]
    others = [*copy_rows(batch.copy_posts(0)), *copy_rows(batch.copy_repos())] if whole else []
    return (batch.status, labels(batch), named, rows, others)


def labels(batch: Batch) -> list[str]:
    return [drop.reason for drop in batch.drops]


def changes(data: bytes, first: int, last: int) -> Iterator[tuple[int, bytes]]:
    """The bytes with one of them, in this range, changed in one of several ways."""
    for at in range(first, last):
        for bits in BITS:
            changed = bytearray(data)
            changed[at] ^= bits
            yield at, bytes(changed)


def first_with(collection: str, via: bool = False) -> bytes:
    """The first relay frame that creates one record, in this collection."""
    for data in read_frames("relay-frames/frames.zst"):
        kind, payload = frame.decode(data)
        ops = payload["ops"] if kind == "#commit" and payload else []
        if (
            len(ops) == 1
            and ops[0]["action"] == "create"
            and ops[0]["path"].startswith(collection + "/")
            and (b"\x63via\xa2" in data) == via
        ):
            return data
    raise AssertionError(f"no {collection} among the relay frames")


def block_of(data: bytes, cid: bytes) -> bytes:
    """What a commit's frame holds under a CID."""
    payload = frame.decode(data)[1] or {}
    return next(bytes(body) for key, body in car.read(payload["blocks"])[1] if bytes(key) == cid)


def varint(n: int) -> bytes:
    out = b""
    while n >= 0x80:
        out += bytes([n & 0x7F | 0x80])
        n >>= 7
    return out + bytes([n])


def with_block(data: bytes, cid: bytes, block: bytes) -> bytes:
    """The frame with other bytes under a CID."""
    payload = frame.decode(data)[1] or {}
    old: bytes = payload["blocks"]
    header = old[:59]
    new = header + b"".join(
        varint(36 + len(body)) + bytes(key) + body
        for key, body in (
            (key, block if bytes(key) == cid else body) for key, body in car.read(old, False)[1]
        )
    )
    before, after = data.split(b"\x66blocks\x59" + len(old).to_bytes(2, "big") + old)
    return before + b"\x66blocks\x59" + len(new).to_bytes(2, "big") + new + after


def test_every_byte_of_header_body_and_operation() -> None:
    data = first_with("app.bsky.feed.like")
    blocks = (frame.decode(data)[1] or {})["blocks"]
    start = data.index(blocks)
    longer = unusual(data)
    ops_end = data.index(b"\x66action\x66create") + 14
    seen: set[str] = set()
    for first, last in ((15 + 6, start), (start + len(blocks), len(data))):
        for at, changed in changes(data, first, last):
            if (
                data[at] == 0xA3 and at < ops_end
            ):  # the operation's head, which counts one more in the longer form
                continue
            shift = longer.index(b"\x63cid") - data.index(b"\x63cid")
            if at >= ops_end:
                shift = longer.index(b"\x63rev") - data.index(b"\x63rev")
            same = bytearray(longer)
            assert same[at + shift] == data[at]
            same[at + shift] = changed[at]
            expected = outcome(bytes(same))
            assert outcome(changed) == expected, (at, changed[at])
            seen.add(str(expected[0]))
    assert {"error", "['ok']"} < seen


def longer_map(block: bytes) -> bytes:
    """The map with one more field."""
    return bytes([block[0] + 1]) + block[1:] + b"\x6czzzzzzzzzzzz\xf6"


@pytest.mark.parametrize(
    ("collection", "via"),
    [
        ("app.bsky.feed.like", False),
        ("app.bsky.feed.like", True),
        ("app.bsky.feed.repost", False),
        ("app.bsky.feed.repost", True),
        ("app.bsky.graph.follow", False),
        ("app.bsky.graph.block", False),
    ],
)
def test_every_byte_of_an_edge(collection: str, via: bool) -> None:
    data = first_with(collection, via)
    payload = frame.decode(data)[1] or {}
    cid = bytes(payload["ops"][0]["cid"])
    record = block_of(data, cid)
    dropped = 0
    for at, changed in changes(record, 1, len(record)):
        expected = outcome(with_block(data, cid, longer_map(changed)), whole=False)
        assert outcome(with_block(data, cid, changed), whole=False) == expected, (at, changed[at])
        dropped += bool(expected[1])
    assert dropped > 0


def test_every_byte_of_a_commit_block() -> None:
    data = first_with("app.bsky.feed.like")
    payload = frame.decode(data)[1] or {}
    cid = bytes(payload["commit"])
    block = block_of(data, cid)
    for at, changed in changes(block, 1, len(block)):
        expected = outcome(with_block(data, cid, longer_map(changed)))
        ours = outcome(with_block(data, cid, changed))
        assert (ours[0] == ["ok"], *ours[2:]) == (expected[0] == ["ok"], *expected[2:]), (at, changed[at])


def test_every_byte_of_a_reply() -> None:
    usual = b"\x65reply\xa2\x64root\xa2"
    data = next(
        one
        for one in read_frames("relay-frames/frames.zst")
        if usual in one and one.count(b"\x66action") == 1
    )
    cid = bytes((frame.decode(data)[1] or {})["ops"][0]["cid"])
    record = block_of(data, cid)
    head = record.index(usual) + 6
    size = 1 + 5 + 142 + 7 + 142
    for at, changed in changes(record, 1, len(record)):
        ours = outcome(with_block(data, cid, changed))
        # One more key before all others: each of these is then read by the general way.
        keys = bytes([changed[0] + 1]) + b"\x61a\xf6" + changed[1:]
        assert ours[:3] == outcome(with_block(data, cid, keys))[:3], (at, changed[at])
        if at == head:
            continue
        reply = changed[head + 1 : head + size] + b"\x67zzzzzzz\xf6"
        longer = changed[:head] + bytes([changed[head] + 1]) + reply + changed[head + size :]
        expected = outcome(with_block(data, cid, longer))
        # What is wrong with one that is cut elsewhere depends on what follows.
        assert bool(ours[1]) == bool(expected[1]), (at, changed[at])
        assert ours[1] or ours[:3] == expected[:3], (at, changed[at])
