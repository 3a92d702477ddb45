"""Real frames: all prove what they should, every changed byte shows, libipld and the slow model read them alike."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import libipld
import orjson
import pytest
import zstandard

from indexer._fastpath import car, cbor, frame, transcode
from indexer._fastpath.cid import CID
from indexer._fastpath.proof import prove_commit, read_repository
from indexer.errors import FrameError
from tests.fastpath.test_cbor import plain
from tests.fastpath.values import attempt
from tests.simulation import oracle


def commits(frames: list[bytes]) -> list[bytes]:
    return [data for data in frames if frame.decode(data)[0] == "#commit"]


def documents(directory: Path, name: str) -> dict[str, Any]:
    packed = (directory / "vectors" / name).read_bytes()
    parsed: dict[str, Any] = orjson.loads(
        zstandard.ZstdDecompressor().decompress(packed, max_output_size=1 << 28)
    )
    return parsed


def test_all_relay_commits_verify(relay_frames: list[bytes], shared_directory: Path) -> None:
    docs = documents(shared_directory, "relay-frames/did_docs.json.zst")
    proofs = [prove_commit(data) for data in commits(relay_frames)]
    assert len(proofs) == 148
    for proof in proofs:
        assert proof.inverted
        key = oracle.public_key(docs[proof.did])
        oracle.check_signature_of_digest(key, proof.signed_digest, proof.signature)


def test_every_changed_byte_of_a_relay_commit_shows(relay_frames: list[bytes]) -> None:
    """A byte in thirteen of every frame's blocks, operations and prevData."""
    rng = random.Random(1)
    for data in commits(relay_frames):
        _, payload = frame.decode(data)
        assert payload is not None
        for name in ("blocks", "ops", "prevData"):
            value = cbor.encode(payload[name])
            start = data.index(value)
            for at in rng.sample(range(start, start + len(value)), 1 + len(value) // 13):
                changed = bytearray(data)
                changed[at] ^= 1 << rng.randrange(8)
                proof = attempt(prove_commit, bytes(changed))
                assert proof is None or not proof.inverted


def test_every_prefix_of_every_relay_frame_is_refused(relay_frames: list[bytes]) -> None:
    for data in relay_frames[:30]:
        for length in range(len(data)):
            with pytest.raises(FrameError):
                frame.decode(data[:length])


def test_libipld_reads_every_frame_of_load_alike(load_frames: list[bytes]) -> None:
    seen = 0
    for data in load_frames:
        kind, payload = frame.decode(data)
        header, other = libipld.decode_dag_cbor_multi(data)
        assert (kind, plain(payload)) == (header["t"], plain(other))
        if kind == "#commit":
            assert payload is not None
            _, blocks = libipld.decode_car(payload["blocks"])
            for cid, block in car.read(payload["blocks"])[1]:
                assert plain(cbor.decode(block)) == plain(blocks[bytes(cid)])
                assert cbor.encode(cbor.decode(block)) == block
            seen += 1
    assert seen == 20143


def test_the_slow_model_agrees_on_load(load_frames: list[bytes], shared_directory: Path) -> None:
    """Every commit proves itself, and the model says so too (signatures: of one in 40)."""
    docs = documents(shared_directory, "pds-frames/load.did_docs.json.zst")
    for number, data in enumerate(commits(load_frames)):
        proof = prove_commit(data)
        assert proof.inverted
        oracle.check_commit(data, docs[proof.did] if number % 40 == 0 else None)


def test_records_become_the_json_that_libipld_and_orjson_give(load_frames: list[bytes]) -> None:
    for data in commits(load_frames)[::20]:
        _, payload = frame.decode(data)
        assert payload is not None
        blocks = dict(car.read(payload["blocks"])[1])
        for op in payload["ops"]:
            if op["cid"] is not None:
                block = blocks[op["cid"]]
                assert json.loads(transcode.to_json(block)) == json_form(cbor.decode(block))


def json_form(value: Any) -> Any:
    """JSON form by the reference way: objects first, then a JSON library."""
    return orjson.loads(orjson.dumps(value, default=link))


def link(value: Any) -> dict[str, str]:
    assert isinstance(value, CID)
    return {"$link": str(value)}


def test_a_real_repository(repository_car: bytes) -> None:
    repository = read_repository(repository_car)
    root, blocks = oracle.read_car(repository_car)
    assert str(repository.commit) == root
    assert len(repository.records) == 23
    assert all(blocks[str(cid)] == block for _, cid, block in repository.records)
    assert oracle.root_of({path.encode(): str(cid) for path, cid, _ in repository.records}) == str(
        repository.data
    )


@pytest.mark.parametrize(
    ("header", "kind"),
    [
        ({"op": 1, "t": "#sync"}, "#sync"),
        ({"op": 1, "t": "#identity"}, "#identity"),
        ({"op": 1, "t": "#account"}, "#account"),
        ({"op": 1, "t": "#info"}, "#info"),
        ({"op": -1}, "error"),
        ({"op": 1, "t": "#tombstone"}, ""),
        ({"op": 2, "t": "#commit"}, ""),
        ({"op": 1, "t": "#info", "future": 1}, "#info"),
    ],
)
def test_kinds(header: dict[str, Any], kind: str) -> None:
    data = cbor.encode(header) + cbor.encode({"error": "X"})
    assert frame.decode(data) == (kind, {"error": "X"} if kind else None)
    with pytest.raises(FrameError):
        frame.decode(data + b"\xa0")
    with pytest.raises(FrameError):
        frame.decode(data[:-1])


@pytest.mark.parametrize(
    "header", [{}, {"op": 0, "t": "#info"}, {"op": 1}, {"t": "#info"}, [], {"op": "1", "t": "#info"}]
)
def test_headers_that_are_none(header: Any) -> None:
    with pytest.raises(FrameError):
        frame.decode(cbor.encode(header) + b"\xa0")


def test_a_payload_must_be_a_map() -> None:
    with pytest.raises(FrameError):
        frame.decode(cbor.encode({"op": 1, "t": "#info"}) + cbor.encode([]))
