"""`indexer simulate`: a stream into a file, and a file or a live network on a socket."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from indexer.simulation.files import read_documents, read_frames
from indexer.simulation.network import Network


def indexer(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "indexer", "simulate", *arguments], capture_output=True, text=True, timeout=60
    )


@contextmanager
def serving(*arguments: str) -> Iterator[dict[str, Any]]:
    """The command's ready line, while it serves; it must end well when told to."""
    command = [sys.executable, "-m", "indexer", "simulate", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.terminate()
            _, errors = process.communicate(timeout=30)
        assert (process.returncode, "Traceback" in errors) == (0, False)


def test_a_stream_is_written_and_served(tmp_path: Path) -> None:
    path = tmp_path / "small.frames.zst"
    arguments = ("--events", "500", "--accounts", "20", "--seed", "9", "--workers", "1", "--json")
    done = indexer("--write", str(path), *arguments)
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    frames = [frame for group in read_frames(path) for frame in group]
    assert frames == list(Network(9, 20, keep_records=False, records_limit=400).frames(500))
    assert (summary["frames"], summary["frame_bytes"]) == (500, sum(map(len, frames)))
    documents = read_documents(Path(summary["docs"]))
    did = next(iter(documents))
    with serving("--frames", str(path)) as ready, urllib.request.urlopen(f"{ready['url']}/{did}") as response:
        assert json.load(response) == documents[did]


def test_the_demo_network_is_served_alone() -> None:
    for arguments, repositories in (((), 20), (("--no-history", "--rate", "0"), 0)):
        with serving("--accounts", "20", *arguments) as ready:
            url = f"{ready['url']}/xrpc/com.atproto.sync.listRepos"
            with urllib.request.urlopen(url) as response:
                assert len(json.load(response)["repos"]) == repositories


def test_what_cannot_be_is_refused(tmp_path: Path) -> None:
    for arguments, message in {
        ("--write", str(tmp_path / "no" / "x.frames"), "--events", "1"): "No such file or directory",
        (
            "--write",
            str(tmp_path / "x.frames"),
            "--accounts",
            "2",
        ): "expected at most 800 events for 2 accounts",
        (
            "--write",
            str(tmp_path / "x.frames"),
            "--accounts",
            "1",
        ): "expected a whole number of at least 2, got '1'",
        ("--frames", str(tmp_path / "none.frames")): "expected a file, got",
    }.items():
        done = indexer(*arguments)
        assert done.returncode == 2, done.stderr
        assert message in done.stderr
