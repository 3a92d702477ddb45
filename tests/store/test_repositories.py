"""Stored records by CID: equal to the repositories that they came from, and a resync through the real parts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import orjson
import pytest

from indexer._fastpath import batch as door
from indexer._fastpath.accounts import AccountTable
from indexer._fastpath.cid import CID
from indexer._fastpath.tid import to_int
from indexer.records.collections import CODES
from indexer.simulation.account import Account, World
from indexer.simulation.repo import Write
from indexer.store.intern import Interner
from indexer.store.pool import connect
from indexer.store.repositories import repository_records, save_repository_states, waiting_repositories
from indexer.store.writer import Writer
from indexer.sync.did_document import parse_did_document
from indexer.sync.repository import difference, frames, read_export

pytestmark = pytest.mark.anyio

POST, LIKE, REPOST = "app.bsky.feed.post", "app.bsky.feed.like", "app.bsky.feed.repost"
FOLLOW, BLOCK = "app.bsky.graph.follow", "app.bsky.graph.block"


class Store:
    """The real way from frames to rows, without a socket."""

    def __init__(self, writer: Writer, interner: Interner) -> None:
        self.writer = writer
        self.interner = interner
        self.accounts = AccountTable()

    async def write(self, made: Sequence[bytes], *, gated: bool = True) -> door.Batch:
        batch = door.decode(list(made))
        assert batch.error is None
        for known in await self.interner.actors(batch.unknown(self.accounts)):
            self.accounts.put(known.did, known.id, known.rev, known.data, known.state, known.signing_key)
        for path, number in (await self.interner.paths(batch.unknown_paths(self.accounts))).items():
            self.accounts.put_path(path, number)
        if gated:
            batch.gate(self.accounts)
        batch.finish(self.accounts)
        await self.writer.apply(batch, "test", None)
        return batch

    async def records(self, account: Account) -> dict[str, bytes]:
        number = self.accounts.id(account.did)
        assert number is not None
        assert self.writer._sessions[0]._connection is not None
        return await repository_records(self.writer._sessions[0]._connection, number)


@asynccontextmanager
async def store(url: str) -> AsyncIterator[Store]:
    writer = Writer(url)
    await writer.open()
    connection = await connect(url)
    try:
        yield Store(writer, Interner(connection))
    finally:
        await connection.close()
        await writer.close()


def wanted(account: Account) -> dict[str, bytes]:
    records = account.repo.records
    assert records is not None
    return {path: CID.of(block).digest for path, block in records.items() if path.split("/")[0] in CODES}


def populate(world: World) -> tuple[Account, Account]:
    alice, bob = world.account("alice.test"), world.account("bob.test")
    post = alice.create_record(POST, {"text": "one"})
    odd = alice.create_record(POST, {"text": "odd key"}, rkey="odd-key")
    alice.create_record("app.bsky.actor.profile", {"displayName": "Alice"}, rkey="self")
    listed = alice.create_record(
        "app.bsky.graph.list", {"purpose": "app.bsky.graph.defs#curatelist", "name": "l"}
    )
    alice.create_record("app.bsky.graph.listitem", {"list": listed.uri, "subject": bob.did})
    alice.create_record("app.bsky.feed.threadgate", {"post": post.uri}, rkey=post.uri.rpartition("/")[2])
    alice.create_record("com.example.unknown", {"a": 1})
    repost = alice.create_record(REPOST, {"subject": post.reference})
    generator = alice.create_record("app.bsky.feed.generator", {"did": "did:web:f.test", "displayName": "f"})
    for account in (alice, bob):
        account.create_record(LIKE, {"subject": post.reference})
        account.create_record(LIKE, {"subject": post.reference})  # loses against the first
        account.create_record(LIKE, {"subject": odd.reference}, rkey="odd-like")
        account.create_record(LIKE, {"subject": generator.reference})
        account.create_record(
            LIKE, {"subject": {"uri": post.uri.replace(alice.did, bob.did), "cid": odd.cid}}
        )
        account.create_record(LIKE, {"subject": post.reference, "createdAt": "2026-01-01T00:00:00+01:00"})
        account.create_record(REPOST, {"subject": odd.reference, "note": "more than it needs"})
    bob.create_record(LIKE, {"subject": odd.reference, "via": repost.reference})
    bob.create_record(REPOST, {"subject": post.reference, "via": repost.reference})
    bob.create_record(FOLLOW, {"subject": alice.did})
    bob.create_record(FOLLOW, {"subject": alice.did})
    bob.create_record(BLOCK, {"subject": alice.did})
    bob.create_record(BLOCK, {"subject": alice.did, "createdAt": "2026-01-01T00:00:00Z"})
    return alice, bob


async def test_stored_records_have_the_cids_of_the_repository(postgres_url: str) -> None:
    world = World(seed=5)
    alice, bob = populate(world)
    async with store(postgres_url) as tables:
        await tables.write(world.frames)
        assert await tables.records(alice) == wanted(alice)
        assert await tables.records(bob) == wanted(bob)


@pytest.mark.parametrize("seen", [0, 9, 30])
async def test_a_fetched_repository_mends_the_tables(postgres_url: str, seen: int) -> None:
    """What was indexed before differs from the repository in every way; afterwards it is equal, at the right
    rev.
    """
    world = World(seed=5)
    _, bob = populate(world)
    async with store(postgres_url) as tables:
        await tables.write(world.frames[: seen or 1])
        bob.create_record(POST, {"text": "changed while we were away"}, rkey="changes")
        held = [await tables.write([bob.update_record(POST, {"text": "again"}, "changes").frame])]
        assert held[0].desynchronized == ([(bob.did, tables.accounts.id(bob.did))] if seen >= 30 else [])
        bob.apply([Write("delete", path) for path in list(wanted(bob))[:4]])
        number = tables.accounts.id(bob.did)
        assert number is not None
        key = parse_did_document(orjson.dumps(bob.document()), bob.did).signing_key
        assert key is not None
        repository = read_export(bob.repo.export(), bob.did, key)
        before = await tables.records(bob)
        operations = difference(repository.records, dict(before), CODES.__contains__)
        made = list(frames(repository, operations, "2026-11-23T00:00:00.000Z"))
        await tables.write(made, gated=False)
        assert await tables.records(bob) == wanted(bob)
        tables.accounts.put(bob.did, number, to_int(bob.rev) or 0, repository.data.digest, 0)
        # The stream goes on from exactly there, and what the repository held already is a replay.
        following = bob.create_record(POST, {"text": "next"})
        batch = await tables.write([*world.frames[-2:-1], following.frame])
        assert batch.status == ["replayed", "ok"]
        assert batch.desynchronized == []
        assert await tables.records(bob) == wanted(bob)


async def test_repositories_that_wait(postgres_url: str) -> None:
    world = World(seed=5)
    alice, bob = populate(world)
    async with store(postgres_url) as tables:
        await tables.write(world.frames)
        connection = tables.writer._sessions[0]._connection
        assert connection is not None
        assert await waiting_repositories(connection, 10) == []
        ids = {account.did: tables.accounts.id(account.did) or 0 for account in (alice, bob)}
        await save_repository_states(connection, [(ids[alice.did], 1), (ids[bob.did], 2)])
        assert dict(await waiting_repositories(connection, 10)) == ids
        assert len(await waiting_repositories(connection, 1)) == 1
        await tables.write([alice.account_event(active=False, status="takendown")])
        assert await waiting_repositories(connection, 10) == [(bob.did, ids[bob.did])]
        await save_repository_states(connection, [(ids[bob.did], 0)])
        assert await waiting_repositories(connection, 10) == []
