"""Exports: what they must prove, and that the difference in frames leads exactly to them."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer._fastpath import car, frame
from indexer._fastpath.cid import CID
from indexer.errors import VerificationError
from indexer.simulation.account import Account, World
from indexer.sync.did_document import parse_did_document
from indexer.sync.repository import Operation, difference, frames, read_export

NOW = "2026-11-23T02:00:00.000Z"
POST, LIKE = "app.bsky.feed.post", "app.bsky.feed.like"


def key_of(account: Account) -> bytes:
    key = parse_did_document(orjson.dumps(account.document()), account.did).signing_key
    assert key is not None
    return key


def populated(posts: int, *, p256: bool = False) -> Account:
    account = World(seed=7).account("alice.test", p256=p256)
    for number in range(posts):
        account.create_record(POST, {"text": f"post {number}"})
    account.create_record("app.bsky.actor.profile", {"displayName": "Alice"}, rkey="self")
    account.create_record("com.example.other", {"a": 1}, rkey="x")
    return account


@pytest.mark.parametrize("p256", [False, True])
def test_a_right_export(p256: bool) -> None:
    account = populated(30, p256=p256)
    repository = read_export(account.repo.export(), account.did, key_of(account))
    assert repository.rev == account.rev
    assert len(repository.records) == 32
    assert CID.of(repository.commit_block) == repository.commit


def test_an_export_that_proves_nothing() -> None:
    account, other = populated(30), World(seed=8).account("bob.test")
    other.create_record(POST, {"text": "other"})
    export = account.repo.export()
    with pytest.raises(VerificationError, match="signed by the account's key"):
        read_export(export, account.did, key_of(other))
    with pytest.raises(VerificationError, match="expected the repository of"):
        read_export(export, other.did, key_of(account))
    for length in range(0, len(export), 97):
        with pytest.raises(VerificationError):
            read_export(export[:length], account.did, key_of(account))


def test_an_export_cut_exactly_between_two_blocks() -> None:
    account = populated(10)
    export = account.repo.export()
    root, blocks = car.read(export)
    sizes = [36 + len(block) for _, block in blocks]
    end = len(export)
    for size in reversed(sizes[1:]):
        end -= size + (1 if size < 128 else 2)
        assert car.read(export[:end])[0] == root
        with pytest.raises(VerificationError, match="whole repository"):
            read_export(export[:end], account.did, key_of(account))


def apply(stored: dict[str, bytes], made: list[bytes]) -> dict[str, bytes]:
    """What the frames do to a table, by the slow readers; each frame must carry what it names."""
    after = dict(stored)
    for data in made:
        kind, body = frame.decode(data)
        assert kind == "#commit"
        assert body is not None
        assert len(body["ops"]) <= 200
        assert len(body["blocks"]) <= 2_000_000
        root, blocks = car.read(body["blocks"])
        assert root == body["commit"]
        there = {cid for cid, _ in blocks}
        for op in body["ops"]:
            if op["action"] == "delete":
                del after[op["path"]]
                continue
            assert (op["path"] in after) is (op["action"] == "update")
            assert op["cid"] in there
            after[op["path"]] = op["cid"].digest
    return after


@pytest.mark.parametrize("posts", [0, 1, 199, 450])
def test_the_frames_lead_from_anything_to_the_repository(posts: int) -> None:
    account = populated(posts)
    repository = read_export(account.repo.export(), account.did, key_of(account))
    stored = {f"{POST}/gone{number}": bytes(32) for number in range(250)}
    for path, cid, _ in repository.records[::3]:
        stored[path] = cid.digest
    for path, _, _ in repository.records[1::3]:
        stored[path] = b"\1" * 32
    indexed = {path: cid.digest for path, cid, _ in repository.records if not path.startswith("com.example")}
    operations = difference(repository.records, stored, lambda name: not name.startswith("com.example"))
    assert apply(stored, list(frames(repository, operations, NOW))) == indexed
    actions = [operation.action for operation in operations]
    assert actions == sorted(actions, key=["delete", "update", "create"].index)


def test_nothing_to_do_is_one_empty_commit() -> None:
    account = populated(5)
    repository = read_export(account.repo.export(), account.did, key_of(account))
    stored = {path: cid.digest for path, cid, _ in repository.records}
    operations = difference(repository.records, stored, lambda name: True)
    assert operations == []
    (made,) = frames(repository, operations, NOW)
    body = frame.decode(made)[1]
    assert body is not None
    assert (body["ops"], body["rev"], body["time"]) == ([], account.rev, NOW)


def test_large_records_are_spread_over_frames() -> None:
    account = World(seed=7).account("alice.test")
    for number in range(6):
        account.create_record(POST, {"text": f"{number}" * 800_000})
    repository = read_export(account.repo.export(), account.did, key_of(account))
    made = list(frames(repository, difference(repository.records, {}, lambda name: True), NOW))
    assert len(made) == 3
    assert len(apply({}, made)) == 6


paths = st.sampled_from(
    [f"{POST}/{letter}" for letter in "abcdefgh"] + [f"{LIKE}/{letter}" for letter in "ab"]
)
digests = st.integers(0, 3).map(lambda number: bytes([number]) * 32)


@given(st.dictionaries(paths, digests), st.dictionaries(paths, digests | st.none()))
def test_difference(records: dict[str, bytes], stored: dict[str, bytes | None]) -> None:
    listed = [(path, CID.from_digest(digest), b"record") for path, digest in sorted(records.items())]
    after: dict[str, bytes | None] = dict(stored)
    operations: list[Operation] = difference(listed, stored, lambda name: name == POST)
    for operation in operations:
        assert (operation.path in after) is (operation.action != "create")
        if operation.cid is None:
            del after[operation.path]
        else:
            assert after.get(operation.path) != operation.cid.digest
            after[operation.path] = operation.cid.digest
    assert after == {path: digest for path, digest in records.items() if path.startswith(POST)}
