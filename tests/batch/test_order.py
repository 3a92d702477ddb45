"""Waves (deletes before creates in each, and yet the stream's end), the gate of revisions, shards, broken frames."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer._fastpath.accounts import AccountTable
from indexer._fastpath.batch import Batch, decode, shard_of
from indexer.errors import FrameError, InvariantBroken
from indexer.simulation.account import Account, World
from indexer.simulation.dagcbor import cid_text, encode
from indexer.simulation.events import error_frame, info_frame
from indexer.simulation.repo import Write
from tests.batch.described import described
from tests.batch.oracle import Operation
from tests.batch.support import Store, copy_rows, integer

LIKE = "app.bsky.feed.like"
POST = "app.bsky.feed.post"
CID = cid_text(b"\x01\x71\x12\x20" + bytes(range(32)))


@dataclass
class Index:
    """One winner per (account, subject), the others waiting in order, as the reference's `duplicate_record`."""

    live: dict[tuple[str, str], object] = field(default_factory=dict)
    waiting: list[tuple[tuple[str, str], object]] = field(default_factory=list)

    def apply(self, operation: Operation) -> None:
        key = (operation.did, operation.path)
        if operation.action != "create":
            self.remove(key)
        if operation.action != "delete":
            self.add(key, operation.columns[0] if operation.kind == 1 else key)

    def add(self, key: tuple[str, str], subject: object) -> None:
        if key in self.live or any(waiting == key for waiting, _ in self.waiting):
            return
        if any(other == subject and winner[0] == key[0] for winner, other in self.live.items()):
            self.waiting.append((key, subject))
        else:
            self.live[key] = subject

    def remove(self, key: tuple[str, str]) -> None:
        self.waiting = [entry for entry in self.waiting if entry[0] != key]
        subject = self.live.pop(key, None)
        if subject is None:
            return
        for entry in self.waiting:
            if entry[1] == subject and entry[0][0] == key[0]:
                self.waiting.remove(entry)
                self.live[entry[0]] = subject
                return

    def forget(self, did: str) -> None:
        self.live = {key: subject for key, subject in self.live.items() if key[0] != did}
        self.waiting = [entry for entry in self.waiting if entry[0][0] != did]

    def state(self) -> tuple[object, object]:
        return self.live, sorted(key for key, _ in self.waiting)


def random_stream(world: World, chance: random.Random) -> None:
    accounts = [world.account() for _ in range(3)]
    held: dict[str, list[str]] = {account.did: [] for account in accounts}
    for _ in range(chance.randrange(1, 40)):
        account = chance.choice(accounts)
        if chance.random() < 0.06:
            account.account_event(active=False, status="deleted")
            continue
        writes = []
        touched = set()
        for _ in range(chance.choice([0, 1, 1, 1, 2, 4])):
            collection = chance.choice([LIKE, LIKE, POST])
            path = f"{collection}/3mptbyplj5d2{chance.choice('abcd')}"
            if path in touched:
                continue
            touched.add(path)
            subject = {"uri": f"at://did:plc:{chance.choice('abc') * 24}/{POST}/3mptbyplj5d2a", "cid": CID}
            record = {"$type": collection, "createdAt": "2026-01-01T00:00:00.000Z"}
            record |= {"subject": subject} if collection == LIKE else {"text": str(chance.random())}  # type: ignore[dict-item]
            if path not in held[account.did]:
                writes.append(Write("create", path, encode(record)))
                held[account.did].append(path)
            elif chance.random() < 0.6:
                writes.append(Write("delete", path, None))
                held[account.did].remove(path)
            else:
                writes.append(Write("update", path, encode(record)))
        account.apply(writes)


def apply_in_stream_order(frames: list[bytes], index: Index) -> None:
    """Every frame a batch of its own: the order in which things happened."""
    store = Store()
    for frame in frames:
        batch = store.run(decode([frame]))
        for operation in described(batch, store):
            index.apply(operation)
        for event in batch.account_events:
            if event.status == "deleted":
                index.forget(event.did)


def apply_in_waves(batch: Batch, store: Store, index: Index, chance: random.Random) -> None:
    """What a writer does: wave by wave, all deletions (in any order), then all creations by n."""
    numbered = [(n, operation) for n, operation in numbered_operations(batch, store)]
    for wave in range(batch.waves):
        inside = [(n, operation) for n, operation in numbered if n >> 24 == wave]
        deletions = [operation for _, operation in inside if operation.action != "create"]
        chance.shuffle(deletions)
        for event in batch.account_events:
            if event.status == "deleted" and event.n >> 24 == wave:
                index.forget(event.did)
        for operation in deletions:
            index.remove((operation.did, operation.path))
        for _, operation in inside:
            if operation.action != "delete":
                index.apply(operation._replace(action="create"))


def numbered_operations(batch: Batch, store: Store) -> list[tuple[int, Operation]]:
    numbers: set[int] = set()
    for wave in range(batch.waves):
        bodies = [
            *(batch.copy_edges(kind, wave) for kind in (1, 2, 3, 4)),
            batch.copy_posts(wave),
            batch.copy_deletes(wave),
        ]
        for body in bodies:
            numbers |= {integer(row[0]) or 0 for row in copy_rows(body)}
        numbers |= {op.n for op in batch.record_ops(wave)}
    ordered = sorted(numbers, key=lambda n: n & 0xFFFFFF)
    return sorted(zip(ordered, described(batch, store), strict=True))


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 40))
def test_waves_end_where_the_stream_ends(seed: int, size: int) -> None:
    chance = random.Random(seed)
    world = World(seed=seed % 5)
    random_stream(world, chance)
    expected = Index()
    apply_in_stream_order(world.frames, expected)
    got = Index()
    store = Store()
    for start in range(0, len(world.frames), size):
        batch = store.run(decode(world.frames[start : start + size]))
        assert set(batch.status) == {"ok"}
        apply_in_waves(batch, store, got, chance)
    assert got.state() == expected.state()


def like_again_and_again(account: Account, times: int) -> None:
    subject = {"uri": f"at://did:plc:{'a' * 24}/{POST}/3mptbyplj5d2a", "cid": CID}
    for _ in range(times):
        account.create_record(LIKE, {"subject": subject}, "3mptbyplj5d2a")
        account.delete_record(LIKE, "3mptbyplj5d2a")


def test_a_batch_that_needs_too_many_waves_ends_early() -> None:
    world = World(seed=1)
    like_again_and_again(world.account(), 200)
    store = Store()
    taken = 0
    batches = 0
    while taken < len(world.frames):
        batch = decode(world.frames[taken:])
        assert batch.error is None
        assert batch.taken > 0
        assert batch.waves <= 128
        store.run(batch)
        assert [operation.action for operation in described(batch, store)] == [
            "delete" if (taken + place) % 2 else "create" for place in range(batch.taken)
        ]
        taken += batch.taken
        batches += 1
    assert batches == 2


def test_waves_open_only_where_a_record_comes_and_goes() -> None:
    world = World(seed=1)
    alice = world.account()
    subject = {"uri": f"at://did:plc:{'a' * 24}/{POST}/3mptbyplj5d2a", "cid": CID}
    for key in "abcdefgh":
        alice.create_record(LIKE, {"subject": subject}, f"3mptbyplj5d2{key}")
    first = len(world.frames)
    for key in "abcdefgh":
        alice.delete_record(LIKE, f"3mptbyplj5d2{key}")
        alice.create_record(LIKE, {"subject": subject}, f"3mptbyplj5d3{key}")
    assert decode(world.frames[:first]).waves == 1
    assert decode(world.frames[first:]).waves == 1
    assert decode(world.frames).waves == 2


def test_the_update_of_an_edge_behind_the_deletion_of_another_opens_a_wave() -> None:
    world = World(seed=1)
    alice = world.account()
    subject = {"uri": f"at://did:plc:{'a' * 24}/{POST}/3mptbyplj5d2a", "cid": CID}
    for key in "abc":
        alice.create_record(LIKE, {"subject": subject}, f"3mptbyplj5d2{key}")
    first = len(world.frames)
    alice.update_record(LIKE, {"subject": subject}, "3mptbyplj5d2c")
    alice.delete_record(LIKE, "3mptbyplj5d2a")
    assert decode(world.frames[first:]).waves == 1
    alice.update_record(LIKE, {"subject": subject}, "3mptbyplj5d2b")
    assert decode(world.frames[first:]).waves == 2


def test_the_gate_drops_what_was_applied() -> None:
    world = World(seed=1)
    alice = world.account()
    like_again_and_again(alice, 3)
    store = Store()
    first = store.run(decode(world.frames[:4]))
    assert first.status == ["ok"] * 4
    second = store.run(decode(world.frames))
    assert second.status == ["replayed"] * 4 + ["ok"] * 2
    assert second.desynchronized == []


@pytest.mark.parametrize("strict", [False, True])
def test_a_gap_makes_an_account_desynchronized(strict: bool) -> None:
    world = World(seed=1)
    alice = world.account()
    bob = world.account()
    like_again_and_again(alice, 3)
    bob.create_record(POST, {"text": "hi"})
    store = Store()
    store.run(decode(world.frames[:2]), strict=strict)
    batch = store.run(decode(world.frames[4:]), strict=strict)
    assert batch.desynchronized == [(alice.did, store.ids[alice.did])]
    assert batch.repo_states == [(store.ids[alice.did], 1)]
    known = store.table.get(alice.did)
    assert known is not None
    assert known.state == 1
    if strict:
        assert batch.status == ["desynchronized"] * 2 + ["ok"]
        assert batch.held == [(alice.did, world.frames[4]), (alice.did, world.frames[5])]
        assert known.rev == int.from_bytes(next(copy_rows(store_state(world, 2)))[1] or b"", "big")
    else:
        assert batch.status == ["ok"] * 3
        assert batch.held == []


def store_state(world: World, frames: int) -> bytes:
    store = Store()
    return store.run(decode(world.frames[:frames])).copy_repos()


def test_a_sync_event_that_differs_desynchronizes() -> None:
    world = World(seed=1)
    alice = world.account()
    alice.create_record(POST, {"text": "one"})
    alice.sync_event()
    alice.create_record(POST, {"text": "two"})
    alice.sync_event()
    store = Store()
    batch = store.run(decode(world.frames[:2]))
    assert batch.status == ["ok", "ok"]
    assert batch.desynchronized == []
    missed = store.run(decode(world.frames[3:]))
    assert missed.status == ["desynchronized"]
    assert [sync.did for sync in missed.syncs] == [alice.did]
    assert missed.desynchronized == [(alice.did, store.ids[alice.did])]
    assert missed.held == [(alice.did, world.frames[3])]


@pytest.mark.parametrize("strict", [False, True])
def test_a_sync_event_as_first_contact(strict: bool) -> None:
    """Nothing is known of the repository: strictly, it has to be fetched, unless there is nothing in it."""
    world = World(seed=1)
    alice = world.account()
    alice.create_record(POST, {"text": "one"})
    full = alice.sync_event()
    bob = world.account()
    bob.apply([])
    empty = bob.sync_event()
    store = Store()
    batch = store.run(decode([full, empty]), strict=strict)
    assert batch.status == (["desynchronized", "ok"] if strict else ["ok", "ok"])
    assert [did for did, _ in batch.desynchronized] == ([alice.did] if strict else [])


def test_shards_share_the_stream() -> None:
    world = World(seed=1)
    accounts = [world.account() for _ in range(20)]
    for account in accounts:
        account.create_record(POST, {"text": "hi"})
        account.identity_event()
    seen: list[str] = []
    for shard in range(3):
        store = Store()
        batch = store.run(decode(world.frames, shard=shard, shards=3))
        mine = [operation.did for operation in described(batch, store)]
        assert {shard_of(did, 3) for did in mine} <= {shard}
        assert batch.counts["commits"] == len(mine)
        assert batch.counts["out_of_shard"] == 40 - 2 * len(mine)
        assert batch.drops == []
        assert batch.last_seq == 40
        seen += mine
    assert sorted(seen) == sorted(account.did for account in accounts)
    assert [shard_of("did:plc:ewvi7nxzyoun6zhxrhs64oiz", 7), shard_of("did:web:example.com", 7)] == SHARDS


SHARDS = [1, 5]
"""Written down once: the assignment of accounts to shards must never change."""


def test_a_broken_frame_ends_the_batch_and_leaves_what_came_before() -> None:
    world = World(seed=1)
    like_again_and_again(world.account(), 2)
    frames = [*world.frames[:2], world.frames[2][:-3], world.frames[3]]
    batch = decode(frames)
    assert isinstance(batch.error, FrameError)
    assert batch.error.offset > 0
    assert batch.taken == 2
    store = Store()
    assert len(described(store.run(batch), store)) == 2


def test_every_prefix_of_a_frame_is_an_error() -> None:
    world = World(seed=1)
    alice = world.account()
    alice.create_record(POST, {"text": "hi"})
    alice.identity_event("a.test")
    alice.account_event(active=False, status="deactivated")
    alice.sync_event()
    for frame in [*world.frames, info_frame("OutdatedCursor", "old"), error_frame("FutureCursor", "no")]:
        for size in range(len(frame)):
            batch = decode([frame[:size]])
            assert batch.taken == 0
            assert isinstance(batch.error, FrameError)
        assert isinstance(decode([frame + b"\x00"]).error, FrameError)


def test_events_and_notices() -> None:
    world = World(seed=1)
    alice = world.account("alice.test")
    alice.identity_event("alice.test")
    alice.account_event(active=False, status="deactivated")
    batch = decode([*world.frames, info_frame("OutdatedCursor", "old"), error_frame("FutureCursor", "no")])
    store = Store()
    store.run(batch)
    assert [(event.did, event.handle, event.actor) for event in batch.identities] == [
        (alice.did, "alice.test", 1)
    ]
    assert [(event.did, event.active, event.status) for event in batch.account_events] == [
        (alice.did, False, "deactivated")
    ]
    assert [tuple(notice) for notice in batch.notices] == [
        ("OutdatedCursor", "old", False),
        ("FutureCursor", "no", True),
    ]


def test_revs_from_the_future_wait_for_their_time() -> None:
    world = World(seed=1)
    world.account().create_record(POST, {"text": "hi"})
    assert decode(world.frames, now=1767225600000 - 400_000).status == ["future_rev"]
    assert decode(world.frames, now=1767225600000 - 200_000).status == ["ok"]


def test_steps_out_of_order_are_refused() -> None:
    world = World(seed=1)
    world.account().create_record(POST, {"text": "hi"})
    batch = decode(world.frames)
    table = AccountTable()
    with pytest.raises(InvariantBroken, match="unknown accounts"):
        batch.gate(table)
    batch.unknown(table)
    with pytest.raises(InvariantBroken, match="was not put"):
        batch.gate(table)
    with pytest.raises(InvariantBroken, match="after finish"):
        batch.copy_posts(0)
    with pytest.raises(InvariantBroken, match="same table"):
        batch.gate(AccountTable())
