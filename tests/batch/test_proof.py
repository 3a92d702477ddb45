"""What the door verifies: every signature of the captured commits, and no commit that was changed by a single bit."""

from __future__ import annotations

import random

import pytest

from indexer._fastpath.batch import Batch, decode
from indexer._fastpath.signatures import verify
from indexer.errors import VerificationError
from indexer.sync.did_document import parse_did_document
from tests.batch.support import Store, copy_rows, read_documents, read_frames


def keys_of(name: str) -> dict[str, bytes]:
    keys = {}
    for did, document in read_documents(name).items():
        key = parse_did_document(document, did).signing_key
        assert key is not None
        keys[did] = key
    return keys


def verified(batch: Batch, keys: dict[str, bytes], threads: int = 1, store: Store | None = None) -> list[str]:
    store = store if store is not None else Store()
    store.answer(batch)
    for did in batch.keys_needed(store.table):
        if did in keys:
            assert store.table.put_key(did, keys[did])
    return batch.verify(store.table, threads)


@pytest.mark.parametrize("threads", [1, 2])
def test_every_relay_commit_verifies(threads: int) -> None:
    batch = decode(read_frames("relay-frames/frames.zst"), inversion=True)
    assert verified(batch, keys_of("relay-frames/did_docs.json.zst"), threads) == []
    assert batch.status == ["ok"] * 150


def test_every_commit_of_the_pds_verifies() -> None:
    batch = decode(read_frames("pds-frames/basic.frames.zst"), inversion=True)
    assert verified(batch, keys_of("pds-frames/basic.did_docs.json.zst")) == []
    assert set(batch.status) == {"ok"}


def test_unknown_and_wrong_keys_are_named_and_can_be_replaced() -> None:
    frames = read_frames("relay-frames/frames.zst")[:20]
    keys = keys_of("relay-frames/did_docs.json.zst")
    batch = decode(frames)
    store = Store()
    store.answer(batch)
    needed = batch.keys_needed(store.table)
    missing, wrong = needed[0], needed[1]
    for did in needed[1:]:
        store.table.put_key(did, keys[needed[2]] if did == wrong else keys[did])
    assert batch.verify(store.table) == sorted([missing, wrong])
    assert {"key_unknown", "signature_invalid"} < set(batch.status)
    assert batch.keys_needed(store.table) == [missing]
    store.table.put_key(missing, keys[missing])
    store.table.put_key(wrong, keys[wrong])
    assert batch.verify(store.table) == []
    assert set(batch.status) == {"ok"}


def test_any_changed_byte_is_caught() -> None:
    """Whatever bit of a commit is flipped: the frame does not decode, or the commit is dropped, or only a field that
    nothing proves (seq, time, since, the deprecated ones) differs while the operations stay what they were."""
    frames = read_frames("relay-frames/frames.zst")
    keys = keys_of("relay-frames/did_docs.json.zst")
    chance = random.Random(7)
    honest = {}
    for number, frame in enumerate(frames):
        batch = decode([frame], inversion=True)
        if batch.counts["commits"]:
            store = Store()
            store.answer(batch)
            honest[number] = operations(batch, store)
    caught = 0
    for _ in range(4000):
        number = chance.choice(list(honest))
        changed = bytearray(frames[number])
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
        batch = decode([bytes(changed)], inversion=True)
        store = Store()
        if batch.error is not None or batch.status != ["ok"] or verified(batch, keys, 1, store):
            caught += 1
            continue
        if batch.counts["commits"] == 0:  # the flip made it a frame of an unknown kind: ignored
            caught += 1
            continue
        assert operations(batch, store) == honest[number]
    assert caught > 3800


def operations(batch: Batch, store: Store) -> list[object]:
    """What the operations of a one-frame batch come to, but for the event's own time."""
    batch.gate(store.table)
    batch.finish(store.table)
    bodies: list[object] = []
    for kind in (1, 2, 3, 4):
        bodies += [
            row[:5] + row[7:] if kind < 3 else row[:4] + row[6:]
            for row in copy_rows(batch.copy_edges(kind, 0))
        ]
    bodies += [row[:3] + row[5:] for row in copy_rows(batch.copy_posts(0))]
    bodies += list(copy_rows(batch.copy_deletes(0)))
    bodies += [op[:7] for op in batch.record_ops(0)]
    return bodies


def test_key_forms() -> None:
    with pytest.raises(VerificationError, match="begins with its curve"):
        verify(b"\x03" + bytes(33), bytes(32), bytes(64))
    with pytest.raises(VerificationError, match="secp256k1 point"):
        verify(b"\x01" + bytes(33), bytes(32), bytes(64))
    with pytest.raises(VerificationError, match="P-256 point"):
        verify(b"\x02\x05" + bytes(32), bytes(32), bytes(64))
    with pytest.raises(ValueError, match="32 bytes"):
        verify(b"\x01" + bytes(33), bytes(31), bytes(64))
