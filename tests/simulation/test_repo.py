"""The simulation's repositories against an independent model and other implementations."""

from __future__ import annotations

import random

import libipld
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer._fastpath.treebuild import Tree
from indexer.simulation.account import World
from indexer.simulation.dagcbor import cid_of, cid_text, encode
from indexer.simulation.repo import Write

from . import oracle

KEYS = st.sampled_from([f"app.bsky.feed.like/{number:03d}" for number in range(400)])
CHANGES = st.lists(st.tuples(KEYS, st.booleans(), st.binary(min_size=32, max_size=32)), max_size=200)


@settings(max_examples=60, deadline=None)
@given(CHANGES)
def test_a_tree_after_any_changes_has_the_root_of_its_contents(
    changes: list[tuple[str, bool, bytes]],
) -> None:
    tree, model = Tree(), dict[bytes, bytes]()
    for text, remove, digest in changes:
        key = text.encode()
        assert tree.get(key) == model.get(key)
        if remove:
            assert tree.remove(key) == model.pop(key, None)
        else:
            assert tree.put(key, digest) == model.get(key)
            model[key] = digest
        assert len(tree) == len(model)
    assert tree.items() == sorted(model.items())
    expected = {key: cid_text(b"\x01\x71\x12\x20" + digest) for key, digest in model.items()}
    assert cid_text(b"\x01\x71\x12\x20" + tree.root()) == oracle.root_of(expected)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("operations", [1, 5])
def test_every_commit_verifies_and_inverts_from_its_own_blocks(seed: int, operations: int) -> None:
    """Multi-operation commits too: neighbours may be changed in the same commit."""
    chooser = random.Random(seed)
    world = World(seed=seed)
    account = world.account("walker.test", p256=seed % 2 == 1, legacy=seed == 2)
    document = account.document()
    contents: dict[str, bytes] = {}
    before, since = oracle.root_of({}), ""
    oracle.check_commit(account.apply([]), document)
    for step in range(150):
        since = account.rev
        writes: dict[str, Write] = {}
        for _ in range(chooser.randint(1, operations)):
            path = f"app.bsky.feed.post/{chooser.randrange(60 + step):04d}"
            action = chooser.choice(["update", "delete", "delete"]) if path in contents else "create"
            record = None if action == "delete" else encode({"n": step, "p": path})
            writes.setdefault(path, Write(action, path, record))  # type: ignore[arg-type]
        frame = account.apply(list(writes.values()))
        for path, write in writes.items():
            if write.record is None:
                del contents[path]
            else:
                assert isinstance(write.record, bytes)
                contents[path] = write.record
        payload = oracle.check_commit(frame, document)
        assert payload["since"] == since
        assert oracle._text(payload["prevData"]) == before
        before = oracle.root_of({path.encode(): oracle.cid_of(block) for path, block in contents.items()})
        assert cid_text(account.repo.data) == before


def test_an_export_holds_every_block_of_the_repository() -> None:
    world = World(seed=3)
    account = world.account()
    for number in range(300):
        account.create_record("app.bsky.feed.post", {"text": f"post {number}"})
    _, blocks = libipld.decode_car(account.repo.export())
    root, checked = oracle.read_car(account.repo.export())
    assert root == cid_text(account.repo.commit_cid)
    assert len(blocks) == len(checked)
    commit = libipld.decode_dag_cbor(checked[root])
    tree = oracle.PartialTree(oracle._text(commit["data"]) or "", checked)
    for path, block in (account.repo.records or {}).items():
        assert tree.get(path.encode()) == cid_text(cid_of(block))
        assert checked[cid_text(cid_of(block))] == block


def test_the_same_seed_gives_the_same_bytes() -> None:
    def frames(seed: int) -> list[bytes]:
        world = World(seed=seed)
        accounts = [world.account(), world.account(p256=True)]
        for account in accounts:
            account.identity_event()
            account.account_event()
            account.apply([])
            post = account.create_record("app.bsky.feed.post", {"text": "hi"})
            accounts[0].create_record("app.bsky.feed.like", {"subject": post.reference})
            account.sync_event()
        return world.frames

    assert frames(1) == frames(1)
    assert not set(frames(1)) & set(frames(2))


def test_frames_are_what_other_decoders_read_and_re_encode() -> None:
    world = World(seed=5)
    account = world.account("carol.test")
    account.identity_event()
    account.account_event(active=False, status="deactivated")
    account.create_record("app.bsky.actor.profile", {"displayName": "Carol é"}, rkey="self")
    account.update_record(
        "app.bsky.actor.profile", {"displayName": "C", "n": [1, -5, None, True, 70000]}, "self"
    )
    account.delete_record("app.bsky.actor.profile", "self")
    account.sync_event()
    for frame in world.frames:
        header, payload = oracle.read_frame(frame)
        assert libipld.encode_dag_cbor(header) + libipld.encode_dag_cbor(payload) == frame


def test_a_write_that_does_not_fit_the_repository_is_refused() -> None:
    account = World().account()
    post = account.create_record("app.bsky.feed.post", {"text": "one"}, rkey="one")
    frames = len(account.world.frames)
    with pytest.raises(ValueError, match=r"create of app.bsky.feed.post/one, which exists"):
        account.create_record("app.bsky.feed.post", {"text": "two"}, rkey="one")
    with pytest.raises(ValueError, match="does not exist"):
        account.delete_record("app.bsky.feed.post", "two")
    with pytest.raises(ValueError, match="two of"):
        account.apply([Write("delete", "app.bsky.feed.post/one"), Write("delete", "app.bsky.feed.post/one")])
    assert account.rev == post.rev
    assert len(account.world.frames) == frames
