"""Ids: the same for ever, each once, also when two processes ask for the same new names."""

from __future__ import annotations

import asyncio

import pytest

from indexer.store.intern import BLOCK, Interner
from indexer.store.pool import connect

pytestmark = pytest.mark.anyio


def _dids(count: int, start: int = 0) -> list[str]:
    return [f"did:plc:{number:024d}" for number in range(start, start + count)]


async def test_ids_stay(postgres_url: str) -> None:
    connection = await connect(postgres_url)
    first = await Interner(connection).actors(_dids(3 * BLOCK))
    again = await Interner(connection).actors(_dids(3 * BLOCK + 5)[::-1])
    await connection.close()
    ids = {actor.did: actor.id for actor in first}
    assert len(set(ids.values())) == 3 * BLOCK
    assert min(ids.values()) > 0
    assert ids.items() <= {actor.did: actor.id for actor in again}.items()
    assert [actor.did for actor in again] == _dids(3 * BLOCK + 5)[::-1]


async def test_processes_agree(postgres_url: str) -> None:
    connections = [await connect(postgres_url) for _ in range(4)]
    asked = [_dids(600, start=200 * number) for number in range(4)]
    answers = await asyncio.gather(
        *(Interner(connection).actors(dids) for connection, dids in zip(connections, asked, strict=True))
    )
    rows = dict(await connections[0].fetch("SELECT did, id FROM actor"))
    for connection in connections:
        await connection.close()
    for answer in answers:
        assert {actor.did: actor.id for actor in answer}.items() <= rows.items()
    assert len(set(rows.values())) == len(rows) == 1200


async def test_known_repository_state_comes_along(postgres_url: str) -> None:
    connection = await connect(postgres_url)
    interner = Interner(connection)
    (actor,) = await interner.actors(["did:web:example.com"])
    assert (actor.rev, actor.data, actor.state, actor.signing_key) == (0, None, 0, None)
    await connection.execute("INSERT INTO repo (actor, rev, data, state) VALUES ($1, 5, 'd', 1)", actor.id)
    await connection.execute(
        "UPDATE actor SET signing_key = 'k', status = 1, status_at = 7 WHERE id = $1", actor.id
    )
    (again,) = await interner.actors(["did:web:example.com"])
    await connection.close()
    assert again == ("did:web:example.com", actor.id, 5, b"d", 1, 1, 7, b"k")


async def test_rare_keys_are_negative_and_stay(postgres_url: str) -> None:
    connection = await connect(postgres_url)
    paths = ["app.bsky.actor.profile/self", "app.bsky.feed.generator/3kabc", "app.bsky.feed.post/not-a-tid"]
    first = await Interner(connection).paths(paths)
    again = await Interner(connection).paths([*paths, "x.y.z/1"])
    await connection.close()
    assert set(first) == set(paths)
    assert all(id_ < 0 for id_ in again.values())
    assert first.items() <= again.items()
    assert len(set(again.values())) == 4
