"""The batch door on real frames: exact counts, nothing dropped without a reason, replay is nothing new."""

from __future__ import annotations

from collections import Counter

import pytest

from indexer._fastpath.batch import decode
from tests.batch.support import Store, copy_rows, read_frames

RELAY = {
    "frames": 150,
    "commits": 148,
    "creates": 144,
    "updates": 2,
    "deletes": 4,
    "identities": 1,
    "accounts": 1,
    "syncs": 0,
}
EDGES = {
    "relay-frames/frames.zst": (105, 15, 6, 1, 17, 4),
    "pds-frames/basic.frames.zst": (66, 16, 37, 3, 327, 43),
    "pds-frames/load.frames.zst": (7648, 1469, 4476, 164, 5139, 302),
}


def test_relay_counts() -> None:
    batch = decode(read_frames("relay-frames/frames.zst"))
    assert batch.error is None
    assert batch.taken == 150
    counts = batch.counts
    assert counts.pop("out_of_shard") == 0
    assert counts == RELAY


@pytest.mark.parametrize("name", EDGES)
def test_rows_of_every_kind(name: str) -> None:
    batch = Store().run(decode(read_frames(name)))
    waves = range(batch.waves)
    rows = [
        sum(len(list(copy_rows(batch.copy_edges(kind, wave)))) for wave in waves) for kind in (1, 2, 3, 4)
    ]
    rows.append(sum(len(list(copy_rows(batch.copy_posts(wave)))) for wave in waves))
    rows.append(sum(len(list(copy_rows(batch.copy_deletes(wave)))) for wave in waves))
    assert tuple(rows) == EDGES[name]
    assert set(Counter(drop.reason for drop in batch.drops)) <= {"unknown_collection"}


def test_a_second_time_everything_is_replayed() -> None:
    store = Store()
    frames = read_frames("pds-frames/basic.frames.zst")
    first = store.run(decode(frames))
    again = store.run(decode(frames))
    assert len(list(copy_rows(first.copy_repos()))) == 94
    for wave in range(again.waves):
        assert again.copy_posts(wave) == again.copy_deletes(wave) == b""
        assert again.record_ops(wave) == []
