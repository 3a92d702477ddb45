"""Row by row agreement with an independent implementation on every captured frame."""

from __future__ import annotations

import libipld
import pytest

from indexer._fastpath.batch import decode
from tests.batch import oracle
from tests.batch.described import described
from tests.batch.support import Store, read_frames

FILES = ["relay-frames/frames.zst", "pds-frames/basic.frames.zst", "pds-frames/load.frames.zst"]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("size", [100_000, 333])
def test_rows_agree(name: str, size: int) -> None:
    frames = read_frames(name)
    expected = list(oracle.operations(frames))
    store = Store()
    got = []
    for start in range(0, len(frames), size):
        batch = store.run(decode(frames[start : start + size]))
        assert batch.taken == len(frames[start : start + size])
        got += described(batch, store)
    assert len(got) == len(expected)
    for mine, theirs in zip(got, expected, strict=True):
        assert mine == theirs


@pytest.mark.parametrize("name", FILES[:2])
def test_mentions_agree(name: str) -> None:
    frames = read_frames(name)
    store = Store()
    batch = store.run(decode(frames))
    dids = {number: did for did, number in store.ids.items()}
    got = {
        (dids[post.actor], oracle.tid(post.key)): [dids[actor] for actor in post.mentions]
        for wave in range(batch.waves)
        for post in batch.post_relations(wave)
        if post.mentions
    }
    expected = {}
    for operation in oracle.operations(frames):
        if operation.kind == 5 and operation.columns:
            mentions = oracle.mentions_of(libipld.decode_dag_cbor(operation.columns[-1]))
            if mentions:
                expected[operation.did, operation.path.split("/")[1]] = mentions
    assert got == expected
    assert expected or name.startswith("relay")


def unusual(frame: bytes) -> bytes:
    """The same commit with one more field in header, body and operation, so that no usual form is met."""
    header = b"\xa2\x61t\x67#commit\x62op\x01"
    assert frame.startswith(header + b"\xac\x63ops")
    body = frame[len(header) :]
    operation = b"\xa3\x63cid"
    longer = b"\xa4\x63cid"
    ops, rest = body[1:].split(b"\x63rev", 1)
    ops = ops.replace(operation, longer).replace(
        b"\x66action\x66create", b"\x66action\x66create\x67unknown\xf6"
    )
    return b"\xa3\x61t\x67#commit\x62op\x01\x63new\x80\xad" + ops + b"\x63rev" + rest + b"\x69zzzzzzzzz\xa0"


def test_unusual_forms_give_the_same_rows() -> None:
    usual = [
        frame
        for frame in read_frames("relay-frames/frames.zst")
        if b"\x66action\x66create" in frame
        and b"\x64prev\xd8" not in frame
        and frame.count(b"\x66action") == 1
    ]
    assert len(usual) > 100
    changed = [unusual(frame) for frame in usual]
    expected, got = Store(), Store()
    assert described(got.run(decode(changed, inversion=True)), got) == described(
        expected.run(decode(usual, inversion=True)), expected
    )
