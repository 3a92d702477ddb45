"""`indexer replay` as an operator runs it: its one JSON line, its refusals, and that a second time changes nothing."""

from __future__ import annotations

import asyncio
import json
import os
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from indexer.simulation.account import World


def replay(postgres_url: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("INDEXER_")}
    return subprocess.run(
        [sys.executable, "-m", "indexer", "replay", *map(str, arguments), "--json"],
        capture_output=True,
        text=True,
        env={**clean, "INDEXER_POSTGRES_URL": postgres_url, "INDEXER_REDIS_URL": "redis://127.0.0.1:1"},
        timeout=120,
    )


def tables(postgres_url: str) -> dict[str, list[Any]]:
    """Return every row of every table but the migrations' and who wrote last."""

    async def read() -> dict[str, list[Any]]:
        connection = await asyncpg.connect(postgres_url)
        names = [
            row[0]
            for row in await connection.fetch(
                "SELECT relname::text FROM pg_stat_user_tables WHERE relname NOT IN ('migration', 'last_batch')"
            )
        ]
        found = {name: await connection.fetch(f'SELECT t::text FROM "{name}" t ORDER BY 1') for name in names}
        await connection.close()
        return found

    return asyncio.run(read())


def write_frames(path: Path, frames: list[bytes]) -> Path:
    path.write_bytes(b"".join(struct.pack(">I", len(frame)) + frame for frame in frames))
    return path


@pytest.fixture
def world() -> World:
    """Two accounts, a post, a like that is taken back, and a record that nobody knows."""
    world = World(seed=7)
    alice, bob = world.account("alice.test"), world.account("bob.test")
    post = alice.create_record("app.bsky.feed.post", {"text": "hello"})
    like = bob.create_record("app.bsky.feed.like", {"subject": post.reference})
    bob.create_record("app.bsky.graph.follow", {"subject": alice.did})
    bob.delete_record("app.bsky.feed.like", like.uri.rpartition("/")[2])
    bob.create_record("com.example.unknown", {"x": 1})
    alice.identity_event()
    return world


def test_replay_tells_what_it_did_and_a_second_time_changes_nothing(
    world: World, tmp_path: Path, empty_postgres_url: str
) -> None:
    frames = write_frames(tmp_path / "frames", world.frames)
    documents = tmp_path / "documents.json"
    documents.write_text(json.dumps(world.documents()))
    done = replay(empty_postgres_url, frames, "--docs", documents)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    seconds, rate = result.pop("seconds"), result.pop("events_per_second")
    assert rate == pytest.approx(len(world.frames) / seconds, rel=0.05)
    assert result == {
        "frames": 6, "commits": 5, "creates": 4, "updates": 0, "deletes": 1, "identities": 1, "accounts": 0, "syncs": 0,
        "dropped": {"unknown_collection": 1},
    }  # fmt: skip
    first = tables(empty_postgres_url)
    assert len(first["post"]) == 1
    assert first["like"] == []
    again = json.loads(replay(empty_postgres_url, frames).stdout)
    assert again["dropped"] == {"replayed": 5}
    assert tables(empty_postgres_url) == first


def test_a_wrong_signature_is_dropped_when_documents_are_there(
    world: World, tmp_path: Path, postgres_url: str
) -> None:
    documents = world.documents()
    alice, bob = documents
    documents[alice]["verificationMethod"], documents[bob]["verificationMethod"] = (
        documents[bob]["verificationMethod"],
        documents[alice]["verificationMethod"],
    )
    for did, document in documents.items():
        document["verificationMethod"][0]["id"] = f"{did}#atproto"
    (tmp_path / "documents.json").write_text(json.dumps(documents))
    frames = write_frames(tmp_path / "frames", world.frames)
    result = json.loads(replay(postgres_url, frames, "--docs", tmp_path / "documents.json").stdout)
    assert sum(result["dropped"].values()) == 5
    assert tables(postgres_url)["post"] == []


@pytest.mark.parametrize(
    ("content", "code", "message"),
    [
        (b"\x00\x00\x00\x05ab", 65, "ends within a frame of 5 bytes that begins at offset 0"),
        (b"\xff\xff\xff\xff", 65, "expected a frame of at most 5000000 bytes"),
        (b"\x00\x00\x00\x03abc", 65, "at byte"),
    ],
)
def test_what_is_no_frames_file_is_refused(
    tmp_path: Path, postgres_url: str, content: bytes, code: int, message: str
) -> None:
    (tmp_path / "frames").write_bytes(content)
    done = replay(postgres_url, tmp_path / "frames")
    assert done.returncode == code
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_missing_file_is_refused(tmp_path: Path, postgres_url: str) -> None:
    done = replay(postgres_url, tmp_path / "none")
    assert done.returncode == 65
    assert done.stderr.startswith("indexer replay: expected a file, found none: ")


def test_recorded_frames_of_a_relay(shared_directory: Path, empty_postgres_url: str) -> None:
    recorded = shared_directory / "vectors" / "relay-frames"
    done = replay(empty_postgres_url, recorded / "frames.zst", "--docs", recorded / "did_docs.json.zst")
    result = json.loads(done.stdout)
    assert result["dropped"] == {"unknown_collection": 1}
    expected = {
        "frames": 150,
        "commits": 148,
        "creates": 144,
        "updates": 2,
        "deletes": 4,
        "identities": 1,
        "accounts": 1,
    }
    assert {name: result[name] for name in expected} == expected
    first = tables(empty_postgres_url)
    assert json.loads(replay(empty_postgres_url, recorded / "frames.zst").stdout)["dropped"] == {
        "replayed": 148
    }
    assert tables(empty_postgres_url) == first
