"""Streams into files by several processes."""

from __future__ import annotations

from pathlib import Path

import pytest

from indexer.errors import ConfigError
from indexer.simulation.bulk import documents_path, simulate_to_file
from indexer.simulation.files import read_documents, read_frames
from indexer.simulation.network import Network


def test_a_file_holds_the_networks_stream_whoever_built_it(tmp_path: Path) -> None:
    written: list[int] = []
    alone, together = tmp_path / "alone.frames", tmp_path / "together.frames.zst"
    result = simulate_to_file(alone, 5000, 60, seed=3, workers=1)
    assert simulate_to_file(together, 5000, 60, seed=3, workers=2, progress=written.append) == result
    network = Network(3, 60, keep_records=False, records_limit=400)
    expected = list(network.frames(5000))
    for path in (alone, together):
        assert [frame for group in read_frames(path) for frame in group] == expected
    assert sum(written) == result.frames == 5000
    assert result.frame_bytes == sum(map(len, expected))
    documents = read_documents(documents_path(together))
    assert documents_path(together).name == "together.did_docs.json.zst"
    assert documents == read_documents(documents_path(alone))
    assert documents == {network.population.did(n): network.identity(n).document() for n in range(60)}


def test_more_events_than_repositories_have_room_for_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="at most 600 events for 20 accounts of 30 records, got 601"):
        simulate_to_file(tmp_path / "x.frames", 601, 20, records_limit=30)
