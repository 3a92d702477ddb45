"""Commits: the protocol's proofs, thousands of generated trees against two other implementations, and all that must not
pass."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from typing import Any

import cbrrr
import pytest
from atmst.blockstore import MemoryBlockStore
from atmst.mst.node_store import NodeStore
from atmst.mst.node_wrangler import NodeWrangler
from hypothesis import given
from hypothesis import strategies as st

from indexer._fastpath import cbor, sha256
from indexer._fastpath.cid import CID
from indexer._fastpath.proof import prove_commit, read_repository
from indexer.errors import FrameError
from tests.fastpath.builder import (
    DID,
    REV,
    Built,
    Records,
    build_commit,
    build_repository,
    car,
    commit_block,
    covering_nodes,
    honest,
    record,
    root_of,
    tree_blocks,
)
from tests.fastpath.values import attempt
from tests.simulation import oracle


def random_path(rng: random.Random) -> str:
    collection = rng.choice(
        ["app.bsky.feed.like", "app.bsky.feed.post", "app.bsky.graph.follow", "com.example.a"]
    )
    return f"{collection}/{rng.randrange(1 << 40):x}"


def random_change(rng: random.Random, size: int, changes: int) -> tuple[Records, Records]:
    """A repository, and the same after some creates, updates and deletes."""
    before = {random_path(rng): record(rng.randrange(1 << 30)) for _ in range(size)}
    after = dict(before)
    for _ in range(changes):
        what = rng.randrange(3)
        if what == 0 or not after:
            after[random_path(rng)] = record(rng.randrange(1 << 30))
        elif what == 1:
            del after[rng.choice(sorted(after))]
        else:
            after[rng.choice(sorted(after))] = record(rng.randrange(1 << 30))
    return before, after


@pytest.mark.parametrize("seed", range(40))
def test_generated_commits_invert(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(50):
        size = rng.choice([0, 1, 2, 5, 20, 60])
        before, after = random_change(rng, size, rng.choice([0, 1, 1, 2, 5, 30]))
        built = build_commit(before, after)
        proof = prove_commit(built.frame())
        assert proof.inverted
        assert (proof.did, proof.rev, proof.data) == (DID, REV, root_of(after))
        wrong = root_of({**before, "com.example.a/other": record(1)})
        with pytest.raises(FrameError, match="inversion"):
            prove_commit(built.frame(prevData=wrong))


@pytest.mark.parametrize("extensions", [True, False])
def test_however_the_chain_to_the_root_is_hashed(extensions: bool) -> None:
    """Beside the blocks, from states kept of them, or alone; two messages at once or one after the other."""
    rng = random.Random(5)
    sha256.allow_extensions(extensions)
    try:
        for _ in range(60):
            before, after = random_change(rng, rng.choice([0, 1, 5, 60, 200]), rng.choice([1, 2, 5, 30]))
            built = build_commit(before, after)
            for hashes in (True, False):
                assert prove_commit(built.frame(), hashes=hashes).inverted
            signed = prove_commit(built.frame(), hashes=False).signed_digest
            assert prove_commit(built.frame()).signed_digest == signed
            wrong = root_of({**before, "com.example.a/other": record(1)})
            with pytest.raises(FrameError, match="inversion"):
                prove_commit(built.frame(prevData=wrong), hashes=False)
    finally:
        sha256.allow_extensions(True)


def test_generated_repositories_read_completely() -> None:
    rng = random.Random(99)
    for size in [0, 1, 2, 3, 10, 50, 300]:
        records, _ = random_change(rng, size, 0)
        repository = read_repository(build_repository(records))
        assert [(path, block) for path, _, block in repository.records] == sorted(records.items())
        assert all(CID.of(block) == cid for _, cid, block in repository.records)
        assert repository.data == root_of(records)


def test_another_implementation_builds_the_same_trees() -> None:
    """atmst, by its own nodes and hashing."""
    rng = random.Random(7)
    for _ in range(25):
        before, after = random_change(rng, rng.choice([0, 1, 10, 40]), 8)
        store = NodeStore(MemoryBlockStore())
        wrangler = NodeWrangler(store)
        root = store.get_node(None).cid
        for path, block in before.items():
            root = wrangler.put_record(root, path, cbrrr.CID.cidv1_dag_cbor_sha256_32_from(block))
        assert bytes(root) == bytes(root_of(before))
        for path in before.keys() - after.keys():
            root = wrangler.del_record(root, path)
        for path, block in after.items():
            root = wrangler.put_record(root, path, cbrrr.CID.cidv1_dag_cbor_sha256_32_from(block))
        assert bytes(root) == bytes(prove_commit(build_commit(before, after).frame()).data)


# --- the protocol's vectors -----------------------------------------------------------------------------------------


def fixture_commit(fixture: dict[str, Any]) -> Built:
    """A proof fixture as a commit with exactly the blocks that the fixture names."""
    leaf = CID.parse(fixture["leafValue"])
    before = {key.encode(): fixture["leafValue"] for key in fixture["keys"]}
    after = {**before, **{key.encode(): fixture["leafValue"] for key in fixture["adds"]}}
    for key in fixture["dels"]:
        del after[key.encode()]
    nodes: dict[str, bytes] = {}
    root = oracle.write(oracle.build(sorted(after.items())), nodes)
    assert root == fixture["rootAfterCommit"]
    commit = commit_block(CID.parse(root))
    ops = [{"action": "create", "path": key, "cid": leaf} for key in fixture["adds"]]
    ops += [{"action": "delete", "path": key, "cid": None, "prev": leaf} for key in fixture["dels"]]
    body = {"seq": 1, "repo": DID, "rev": REV, "since": REV, "time": "", "commit": CID.of(commit), "ops": ops}
    body["prevData"] = CID.parse(fixture["rootBeforeCommit"])
    proof = [(CID.parse(cid), nodes[cid]) for cid in fixture["blocksInProof"]]
    return Built(body, [(CID.of(commit), commit), *proof])


def test_interop_commit_proofs(interop: Callable[[str], Any]) -> None:
    for fixture in interop("firehose/commit-proof-fixtures.json"):
        built = fixture_commit(fixture)
        # The fixtures' leaf has no block; hashes are checked on the rest.
        built.blocks.append((CID.parse(fixture["leafValue"]), b"\xa0"))
        assert prove_commit(built.frame(), hashes=False).inverted, fixture["comment"]


def test_interop_key_heights(interop: Callable[[str], Any]) -> None:
    for vector in interop("mst/key_heights.json"):
        digest = hashlib.sha256(vector["key"].encode()).digest()
        assert oracle.layer_of(vector["key"].encode()) == vector["height"], digest.hex()
        if vector["key"]:
            read_repository(build_repository({vector["key"]: record(1)}))


def test_interop_keys_of_every_layer(interop: Callable[[str], Any]) -> None:
    records = {key: record(number) for number, key in enumerate(interop("mst/example_keys.txt"))}
    assert [path for path, _, _ in read_repository(build_repository(records)).records] == sorted(records)
    for key in list(records)[::5]:
        after = {other: block for other, block in records.items() if other != key}
        assert prove_commit(build_commit(records, after).frame()).inverted
        assert prove_commit(build_commit(after, records).frame()).inverted


# --- what is legal, though rare -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def change() -> tuple[Records, Records]:
    """Two creates, two updates and two deletes in a repository of forty records."""
    rng = random.Random(5)
    before, _ = random_change(rng, 40, 0)
    paths = sorted(before)
    after = {path: block for path, block in before.items() if path not in paths[5:7]}
    after |= {
        paths[20]: record(1),
        paths[30]: record(2),
        random_path(rng): record(3),
        random_path(rng): record(4),
    }
    return before, after


def test_an_empty_commit(change: tuple[Records, Records]) -> None:
    before, _ = change
    proof = prove_commit(build_commit(before, before).frame())
    assert proof.inverted


def test_the_first_commit_needs_no_prev_data() -> None:
    built = build_commit({}, {"com.example.a/1": record(1)})
    assert prove_commit(built.frame(since=None, prevData=...)).inverted
    assert not prove_commit(built.frame(prevData=...)).inverted


def test_duplicate_and_unrelated_blocks(change: tuple[Records, Records]) -> None:
    built = build_commit(*change)
    built.blocks += [*built.blocks, *honest([b"\xa0", record(777)])]
    random.Random(1).shuffle(built.blocks)
    assert prove_commit(built.frame()).inverted


@pytest.mark.parametrize("action", ["create", "update", "delete"])
def test_two_hundred_operations(action: str) -> None:
    rng = random.Random(3)
    base, _ = random_change(rng, 100, 0)
    more = {random_path(rng): record(1) for _ in range(200)}
    states = {
        "create": (base, {**base, **more}),
        "update": ({**base, **more}, {**base, **dict.fromkeys(more, record(2))}),
        "delete": ({**base, **more}, base),
    }
    built = build_commit(*states[action])
    assert len(built.body["ops"]) == 200
    assert prove_commit(built.frame()).inverted
    with pytest.raises(FrameError, match="more operations"):
        prove_commit(built.frame(ops=[*built.body["ops"], built.body["ops"][0]]))


@pytest.mark.parametrize("missing", ["prev", "prevData"])
def test_without_prev_the_paths_are_checked_at_least(missing: str, change: tuple[Records, Records]) -> None:
    built = build_commit(*change, whole_tree=True)
    ops = [{name: value for name, value in op.items() if name != missing} for op in built.body["ops"]]
    changes: dict[str, Any] = {"ops": ops} if missing == "prev" else {"prevData": ...}
    assert not prove_commit(built.frame(**changes)).inverted
    extra = {"action": "create", "path": "com.example.a/absent", "cid": CID.of(built.blocks[0][1])}
    with pytest.raises(FrameError, match="not in the tree"):
        prove_commit(built.frame(**{**changes, "ops": [*ops, extra]}))
    gone = {"action": "delete", "path": min(change[1].keys() & change[0].keys()), "cid": None}
    with pytest.raises(FrameError, match="deleted path is in the tree"):
        prove_commit(built.frame(**{**changes, "ops": [*ops, gone]}))


def test_unknown_fields_are_ignored(change: tuple[Records, Records]) -> None:
    assert prove_commit(build_commit(*change).frame(future=[1, {"a": None}])).inverted


# --- what must not pass ---------------------------------------------------------------------------------------------


def test_every_changed_bit_of_blocks_ops_and_prev_data_is_caught(change: tuple[Records, Records]) -> None:
    built = build_commit(*change)
    frame = built.frame()
    assert prove_commit(frame).inverted
    covered = 0
    for name in ("blocks", "ops", "prevData"):
        value = cbor.encode(car(built.body["commit"], built.blocks) if name == "blocks" else built.body[name])
        start = frame.index(value)
        for at in range(start, start + len(value)):
            for bit in range(8):
                changed = bytearray(frame)
                changed[at] ^= 1 << bit
                proof = attempt(prove_commit, bytes(changed))
                assert proof is None or not proof.inverted, (name, at - start, bit)
                covered += 1
    assert covered > 8000


def test_every_prefix_is_refused(change: tuple[Records, Records]) -> None:
    frame = build_commit(*change).frame()
    for length in range(len(frame)):
        with pytest.raises(FrameError) as caught:
            prove_commit(frame[:length])
        assert caught.value.offset <= length
    with pytest.raises(FrameError, match="after the value"):
        prove_commit(frame + b"\xa0")


def test_every_missing_block_of_a_minimal_proof_is_noticed() -> None:
    """Each node that the oracle's own inversion reads is needed."""
    before, after = random_change(random.Random(21), 60, 1)
    built = build_commit(before, after)
    needed = covering_nodes(after, [op["path"] for op in built.body["ops"]])
    refused = 0
    for number, (cid, _) in enumerate(built.blocks):
        rest = Built(built.body, built.blocks[:number] + built.blocks[number + 1 :])
        if attempt(prove_commit, rest.frame()) is None:
            refused += 1
        else:
            assert str(cid) in needed
    assert refused >= 3


def test_repositories_with_anything_missing_are_incomplete() -> None:
    records, _ = random_change(random.Random(4), 30, 0)
    root, nodes = tree_blocks(records)
    commit = commit_block(root)
    blocks = honest([commit, *nodes.values(), *records.values()])
    read_repository(car(CID.of(commit), blocks))
    for number in range(len(blocks)):
        with pytest.raises(FrameError, match="missing"):
            read_repository(car(CID.of(commit), blocks[:number] + blocks[number + 1 :]))


def test_every_prefix_of_a_repository_is_refused() -> None:
    records, _ = random_change(random.Random(4), 8, 0)
    whole = build_repository(records)
    for length in range(len(whole)):
        with pytest.raises(FrameError):
            read_repository(whole[:length])


def test_every_changed_bit_of_a_repository_is_caught() -> None:
    records, _ = random_change(random.Random(6), 8, 0)
    whole = build_repository(records)
    for at in range(len(whole)):
        for bit in range(8):
            changed = bytearray(whole)
            changed[at] ^= 1 << bit
            with pytest.raises(FrameError):
                read_repository(bytes(changed))


def test_operations_that_lie(change: tuple[Records, Records]) -> None:
    built = build_commit(*change, whole_tree=True)
    ops = built.body["ops"]
    creates = [op for op in ops if op["action"] == "create"]
    other = next(op for op in ops if op["cid"] not in (None, creates[0]["cid"]))
    assert len(creates) == 2
    lies: list[tuple[list[dict[str, Any]], str]] = [
        ([op for op in ops if op is not creates[0]], "root"),
        ([*ops, creates[0]], "two operations"),
        ([{**creates[0], "cid": CID.of(record(123456))}, *ops[1:]], "missing"),
        ([{**op, "cid": other["cid"]} if op is creates[0] else op for op in ops], "another record"),
        ([*ops, {**creates[0], "path": "com.example.a/never"}], "not in the tree"),
        ([{**op, "prev": op["cid"] or CID.of(record(5))} if "prev" in op else op for op in ops], "root"),
        ([{**creates[0], "action": "destroy"}], "neither"),
        ([{**creates[0], "cid": None}], "neither"),
        ([{**creates[0], "path": ...}], "neither"),
    ]
    for changed, reason in lies:
        cleaned = [{name: value for name, value in op.items() if value is not ...} for op in changed]
        with pytest.raises(FrameError, match=reason):
            prove_commit(built.frame(ops=cleaned))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"repo": "did:plc:somebodyelse"}, "did differs"),
        ({"rev": "3l3qo2vutsw2c"}, "rev differs"),
        ({"commit": CID.of(b"\xa0")}, "root is not"),
        ({"seq": 0}, "sequence"),
        ({"seq": -1}, "sequence"),
        ({"seq": 1 << 53}, "sequence"),
        ({"seq": "1"}, "another type"),
        ({"blocks": b""}, "truncated"),
        ({"blocks": bytes(2_000_001)}, "larger"),
        ({"time": ...}, "missing"),
        ({"ops": ...}, "missing"),
        ({"repo": ...}, "missing"),
        ({"blocks": ...}, "missing"),
        ({"commit": ...}, "missing"),
        ({"rev": ...}, "missing"),
    ],
)
def test_frames_that_do_not_fit_together(
    changes: dict[str, Any], reason: str, change: tuple[Records, Records]
) -> None:
    with pytest.raises(FrameError, match=reason):
        prove_commit(build_commit(*change).frame(**changes))


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"version": 2}, "version 3"),
        ({"version": ...}, "version 3"),
        ({"sig": bytes(63)}, "64 bytes"),
        ({"sig": ...}, "64 bytes"),
        ({"did": ...}, "missing"),
        ({"data": ...}, "missing"),
        ({"data": None}, "another type"),
        ({"extra": "x" * 5000}, "larger"),
    ],
)
def test_commit_blocks_that_are_none(fields: dict[str, Any], reason: str) -> None:
    with pytest.raises(FrameError, match=reason):
        read_repository(build_repository({"com.example.a/1": record(1)}, **fields))


@pytest.mark.parametrize(
    "fields", [{}, {"prev": ...}, {"extra": [1]}, {f"key{number:02}": number for number in range(30)}]
)
def test_the_signed_bytes_are_the_map_without_its_signature(fields: dict[str, Any]) -> None:
    records = {"com.example.a/1": record(1)}
    block = cbor.decode(commit_block(root_of(records), **fields))
    signature = block.pop("sig")
    repository = read_repository(build_repository(records, **fields))
    assert repository.signature == signature
    assert repository.signed_digest == hashlib.sha256(cbor.encode(block)).digest()


# --- trees that break a rule ----------------------------------------------------------------------------------------


def entry(key: bytes, shared: int = 0, right: CID | None = None) -> dict[str, Any]:
    return {"k": key[shared:], "p": shared, "t": right, "v": CID.of(record(1))}


def key_on_layer(layer: int, skip: int = 0) -> bytes:
    found = (
        key
        for key in (b"com.example.a/%07d" % number for number in range(10**7))
        if oracle.layer_of(key) == layer
    )
    for _ in range(skip):
        next(found)
    return next(found)


def read_tree(*nodes: dict[str, Any], hashes: bool = True, cids: list[CID] | None = None) -> None:
    """Read a repository whose tree's root is the first node."""
    blocks = [cbor.encode(node) for node in nodes]
    names = cids or [CID.of(block) for block in blocks]
    commit = commit_block(names[0])
    read_repository(
        car(
            CID.of(commit), [(CID.of(commit), commit), *zip(names, blocks, strict=True), *honest([record(1)])]
        ),
        hashes,
    )


LOW, NEXT = key_on_layer(0), key_on_layer(0, 1)
HIGH = key_on_layer(2)
SHARED = len(LOW) - len(LOW.lstrip(b"")) or next(i for i in range(len(LOW)) if LOW[i] != NEXT[i])


@pytest.mark.parametrize(
    ("entries", "first", "reason"),
    [
        ([entry(NEXT), entry(LOW, SHARED)], None, "ascending"),
        ([entry(LOW), {**entry(LOW), "k": b"", "p": len(LOW)}], None, "ascending"),
        ([entry(LOW), entry(NEXT, SHARED - 1)], None, "longest prefix"),
        ([entry(LOW), {**entry(NEXT), "p": 99}], None, "longest prefix"),
        ([entry(LOW), {**entry(NEXT, SHARED), "p": -1}], None, "longest prefix"),
        ([{**entry(LOW), "p": 1}], None, "longest prefix"),
        ([{**entry(LOW), "k": b""}], None, "collection/rkey"),
        ([entry(b"com.example.a/" + b"x" * 900)], None, "collection/rkey"),
        ([entry(LOW), entry(HIGH, next(i for i in range(len(LOW)) if LOW[i] != HIGH[i]))], None, "layer"),
        ([entry(LOW, right=CID.of(b""))], None, "layer"),
        ([entry(LOW)], CID.of(b""), "layer"),
        ([entry(HIGH)], CID.of(b""), "missing"),
        ([], CID.of(b""), "empty node"),
    ],
)
def test_nodes_that_break_a_rule(entries: list[dict[str, Any]], first: CID | None, reason: str) -> None:
    if LOW > HIGH and reason == "layer" and len(entries) == 2:
        entries = [entry(HIGH), entry(LOW, entries[1]["p"])]
    with pytest.raises(FrameError, match=reason):
        read_tree({"e": entries, "l": first})


@pytest.mark.parametrize(
    "node", [{"e": []}, {"e": [], "l": None, "x": 1}, {"e": {}, "l": None}, [], {"e": [{}], "l": None}]
)
def test_what_is_no_node(node: Any) -> None:
    with pytest.raises(FrameError):
        read_tree(node)


def test_an_empty_node_below_the_root() -> None:
    empty: dict[str, Any] = {"e": [], "l": None}
    with pytest.raises(FrameError, match="empty node"):
        read_tree({"e": [entry(HIGH)], "l": CID.of(cbor.encode(empty))}, empty)


def test_a_subtree_used_twice() -> None:
    high = [key_on_layer(1, number) for number in range(2)]
    low = {"e": [entry(min(LOW, NEXT))], "l": None}
    link = CID.of(cbor.encode(low))
    shared = next(i for i in range(len(high[0])) if high[0][i] != high[1][i])
    with pytest.raises(FrameError, match="ascending"):
        read_tree({"e": [entry(high[0], right=link), entry(high[1], shared, link)], "l": link}, low)


def test_links_in_a_circle_end() -> None:
    """Only without hash checks can there be one at all; layers end it then."""
    names = [CID.from_digest(bytes([number]) * 32) for number in range(2)]
    nodes = [{"e": [entry(key_on_layer(3))], "l": names[1]}, {"e": [], "l": names[0]}]
    with pytest.raises(FrameError):
        read_tree(*nodes, hashes=False, cids=names)
    itself = [{"e": [], "l": names[0]}]
    with pytest.raises(FrameError):
        read_tree(*itself, hashes=False, cids=names[:1])


@given(st.integers(0, 1 << 30), st.data())
def test_damaged_frames_never_pass(seed: int, data: st.DataObject) -> None:
    """Blocks cut, swapped, doubled or overwritten: an error with an offset inside of the frame, or still a proof."""
    built = build_commit(*random_change(random.Random(seed), 12, 3))
    frame = bytearray(built.frame())
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(frame)))
        length = data.draw(st.integers(0, 60))
        frame[start : start + length] = data.draw(st.binary(max_size=60))
    proof = attempt(prove_commit, bytes(frame))
    assert (
        proof is None
        or not proof.inverted
        or proof.data == root_of(random_change(random.Random(seed), 12, 3)[1])
    )


def test_a_block_that_stands_in_two_places_and_changes_in_both() -> None:
    """The first copy's key lies before its parent's, the second copy's after it; hashes are all in order."""
    parent = key_on_layer(1)
    low = [key_on_layer(0, number) for number in range(200)]
    before, after = [key for key in low if key < parent][-4:], [key for key in low if key > parent][:4]
    if not before:
        parent = next(key for key in (key_on_layer(1, number) for number in range(50)) if key > low[3])
        before, after = low[:4], [key for key in low if key > parent][:4]
    keys = sorted([*before, *after])
    entries, previous = [], b""
    for key in keys:
        shared = next((i for i in range(min(len(key), len(previous))) if key[i] != previous[i]), 0)
        entries.append(entry(key, shared))
        previous = key
    leaf = cbor.encode({"e": entries, "l": None})
    top = cbor.encode({"e": [entry(parent, right=CID.of(leaf))], "l": CID.of(leaf)})
    commit = commit_block(CID.of(top))
    value = CID.of(record(1))
    ops = [{"action": "create", "path": key.decode(), "cid": value} for key in (before[0], after[0])]
    body = {"seq": 1, "repo": DID, "rev": REV, "since": REV, "time": "", "commit": CID.of(commit), "ops": ops}
    built = Built({**body, "prevData": value}, honest([commit, top, leaf, record(1)]))
    for chosen in (ops, ops[::-1], ops[:1], ops[1:]):
        with pytest.raises(FrameError, match="inversion: the tree before"):
            prove_commit(built.frame(ops=chosen))
    updates = [{**op, "action": "update", "prev": CID.of(b"")} for op in ops]
    with pytest.raises(FrameError, match="inversion: the tree before"):
        prove_commit(built.frame(ops=updates))
