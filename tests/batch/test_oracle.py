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
