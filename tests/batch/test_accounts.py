"""The table of accounts: like a dictionary, but bounded; what a batch in flight uses is never forgotten."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer._fastpath.accounts import AccountTable, KnownAccount
from indexer._fastpath.batch import decode
from indexer.errors import ConfigError, InvariantBroken, VerificationError
from indexer.simulation.account import World
from indexer.sync.did_document import parse_did_document

ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"


def did(number: int) -> str:
    """A third did:web, the others did:plc."""
    if number % 3 == 0:
        return f"did:web:host{number}.example"
    chance = random.Random(number)
    return "did:plc:" + "".join(chance.choice(ALPHABET) for _ in range(24))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32))
def test_it_is_a_dictionary_while_there_is_room(seed: int) -> None:
    chance = random.Random(seed)
    table = AccountTable(limit=10_000)
    model: dict[str, KnownAccount] = {}
    ids: dict[str, int] = {}
    for _ in range(chance.randrange(3000)):
        name = did(chance.randrange(2000))
        what = chance.random()
        if what < 0.5:
            rev = chance.randrange(1 << 62)
            data = chance.choice([None, chance.randbytes(32)])
            state = chance.randrange(4)
            had_key = name in model and model[name].has_key
            model[name] = KnownAccount(ids.setdefault(name, len(ids) + 1), rev, data, state, had_key)
            table.put(name, ids[name], rev, data, state)
        elif what < 0.6:
            assert table.set_state(name, 7, None, 1) == (name in model)
            if name in model:
                model[name] = model[name]._replace(rev=7, data=None, state=1)
        else:
            assert table.get(name) == model.get(name)
            assert table.id(name) == ids.get(name)
    assert len(table) == len(model)
    assert {name: table.get(name) for name in model} == model


def test_its_size_is_bounded_and_what_is_asked_for_stays_longest() -> None:
    table = AccountTable(limit=1000)
    for number in range(1, 5001):
        table.put(did(number), number)
        assert table.id(did(1)) == 1
    assert len(table) == 1000
    found = [number for number in range(1, 5001) if table.id(did(number)) is not None]
    assert len(found) == 1000
    assert table.id(did(5000)) == 5000


def test_what_a_batch_uses_stays_until_it_is_committed() -> None:
    world = World(seed=1)
    for _ in range(50):
        world.account().create_record("app.bsky.feed.post", {"text": "hi"})
    table = AccountTable(limit=10)
    batch = decode(world.frames)
    names = batch.unknown(table)
    for number, name in enumerate(names, 1):
        table.put(name, number)
    assert len(table) == 50
    for number in range(1000, 1100):
        table.put(did(number), number)
    batch.gate(table)
    batch.finish(table)
    assert [row for row in batch.status if row != "ok"] == []
    table.committed(batch.generation)
    for number in range(2000, 2400):
        table.put(did(number), number)
    assert sum(table.id(name) is not None for name in names) < 50


def test_keys_are_bounded_on_their_own() -> None:
    world = World(seed=1)
    accounts = [world.account() for _ in range(8)]
    table = AccountTable(key_limit=4)
    for number, account in enumerate(accounts, 1):
        table.put(account.did, number, key=signing_key(account.document(), account.did))
    known = [table.get(account.did) for account in accounts]
    assert [entry.has_key for entry in known if entry] == [False] * 4 + [True] * 4
    assert table.put_key(accounts[7].did, None)
    last = table.get(accounts[7].did)
    assert last is not None
    assert not last.has_key
    assert not table.put_key("did:web:nobody.example", None)


def signing_key(document: object, did: str) -> bytes:
    key = parse_did_document(json.dumps(document).encode(), did).signing_key
    assert key is not None
    return key


@pytest.mark.parametrize("p256", [False, True])
def test_both_curves_verify_in_a_batch(p256: bool) -> None:
    world = World(seed=1)
    account = world.account(p256=p256)
    other = world.account(p256=p256)
    account.create_record("app.bsky.feed.post", {"text": "hi"})
    batch = decode(world.frames)
    table = AccountTable()
    assert batch.unknown(table) == [account.did]
    table.put(account.did, 1, key=signing_key(other.document(), other.did))
    assert batch.verify(table) == [account.did]
    assert batch.status == ["signature_invalid"]
    table.put_key(account.did, signing_key(account.document(), account.did))
    assert batch.verify(table) == []
    assert batch.status == ["ok"]


def test_paths() -> None:
    table = AccountTable(path_limit=3)
    for number in range(1, 6):
        table.put_path(f"app.bsky.feed.like/{number}", -number)
    assert [table.path_id(f"app.bsky.feed.like/{number}") for number in range(1, 6)] == [
        None,
        None,
        -3,
        -4,
        -5,
    ]


def test_wrong_arguments() -> None:
    table = AccountTable()
    table.put(did(1), 1)
    with pytest.raises(InvariantBroken, match="has the id 1 and got 2"):
        table.put(did(1), 2)
    with pytest.raises(InvariantBroken, match="got the id 0"):
        table.put(did(2), 0)
    with pytest.raises(InvariantBroken, match="is no DID"):
        table.put("nobody", 1)
    with pytest.raises(InvariantBroken, match="got the id 5"):
        table.put_path("a/b", 5)
    with pytest.raises(ValueError, match="expected 32 bytes"):
        table.put(did(1), 1, 1, b"x")
    with pytest.raises(VerificationError):
        table.put_key(did(1), b"x")
    with pytest.raises(ConfigError, match="key_limit"):
        AccountTable(key_limit=0)
    assert table.get("nobody") is None
