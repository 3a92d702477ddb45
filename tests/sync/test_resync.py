"""The automaton against a slow, obvious indexer: whatever is lost or held, tables end equal to the
repositories.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest

from indexer._fastpath import frame as frames
from indexer._fastpath.cid import CID
from indexer._fastpath.proof import prove_commit
from indexer._fastpath.tid import to_int
from indexer.simulation.account import Account
from indexer.sync.export import Exporter
from indexer.sync.fetch import Fetcher
from indexer.sync.pds import PdsClient
from indexer.sync.policy import RepositoryState
from indexer.sync.resync import Resynchronizer, ResyncLimits, Statistics
from tests.sync.hosted import POST, HostedWorld
from tests.sync.servers import Answer, HttpServer

pytestmark = pytest.mark.anyio


class Indexer:
    """What the program does around the automaton, one event at a time in dictionaries."""

    def __init__(self) -> None:
        self.resync: Resynchronizer
        self.records: dict[str, dict[str, bytes]] = {}
        self.known: dict[str, tuple[int, bytes | None, bool]] = {}
        self.states: dict[str, RepositoryState] = {}
        self.applied = 0
        self.ignored = 0

    @staticmethod
    def actor(did: str) -> int:
        return sum(did.encode())

    async def stored(self, actor: int) -> dict[str, bytes | None]:
        found = next((did for did in self.records if self.actor(did) == actor), None)
        return dict(self.records[found]) if found else {}

    async def suspend(self, did: str, actor: int) -> None:
        rev, root, _ = self.known.get(did, (0, None, True))
        self.known[did] = (rev, root, False)

    async def save_state(self, actor: int, state: RepositoryState) -> None:
        did = next(did for did in self.known if self.actor(did) == actor)
        self.states[did] = state

    async def load(self, limit: int) -> Sequence[tuple[str, int]]:
        return [(did, self.actor(did)) for did, state in self.states.items() if state][:limit]

    async def apply(self, made: list[bytes]) -> None:
        await anyio.sleep(0.001)
        for data in made:
            body = frames.decode(data)[1]
            assert body is not None
            self.write(body)

    def write(self, body: dict[str, Any]) -> None:
        table = self.records.setdefault(body["repo"], {})
        for op in body["ops"]:
            if op["action"] == "delete":
                table.pop(op["path"], None)
            else:
                table[op["path"]] = op["cid"].digest
        self.applied += 1

    async def feed(self, data: bytes) -> None:
        """One event of the stream, as a batch of its own."""
        for released in self.resync.release():
            self.known[released.did] = (released.rev, released.data, True)
            for held in released.frames:
                self.gate(held)
            await self.resync.settle([released])
        self.gate(data)

    def gate(self, data: bytes) -> None:
        kind, body = frames.decode(data)
        assert body is not None
        did = body.get("repo") or body["did"]
        rev = to_int(body["rev"])
        assert rev is not None
        last, root, connected = self.known.get(did, (0, None, True))
        if rev <= last:
            self.ignored += 1
        elif not connected:
            self.resync.hold(did, data)
        elif kind == "#commit" and (
            last == 0 or (to_int(body["since"] or "") == last and root == body["prevData"].digest)
        ):
            self.known[did] = (rev, prove_commit(data).data.digest, True)
            self.write(body)
        else:
            self.known[did] = (last, root, False)
            self.states[did] = RepositoryState.DESYNCHRONIZED
            self.resync.request(did, self.actor(did))

    async def quiet(self, *accounts: Account) -> None:
        """Wait until every repository is synchronized, running what is released."""
        with anyio.fail_after(20):
            while any(self.states.get(account.did) for account in accounts):
                for released in self.resync.release():
                    self.known[released.did] = (released.rev, released.data, True)
                    for held in released.frames:
                        self.gate(held)
                    await self.resync.settle([released])
                await anyio.sleep(0.005)


async def until(condition: Callable[[], bool]) -> None:
    with anyio.fail_after(5):
        while not condition():  # noqa: ASYNC110 - the other side is a thread or another task's state
            await anyio.sleep(0.01)


def wanted(account: Account) -> dict[str, bytes]:
    records = account.repo.records
    assert records is not None
    return {path: CID.of(block).digest for path, block in records.items()}


@asynccontextmanager
async def indexer(hosted: HostedWorld, **limits: int) -> AsyncIterator[Indexer]:
    made = Indexer()
    async with hosted.resolver() as resolver, Fetcher(allow_private=True) as fetcher:
        exporter = Exporter(resolver, PdsClient(fetcher, timeout=2.0), made.stored, lambda name: True)
        made.resync = Resynchronizer(
            exporter,
            suspend=made.suspend,
            apply=made.apply,
            save_state=made.save_state,
            load=made.load,
            limits=ResyncLimits(**limits),
        )
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(made.resync.run)
            yield made
            tasks.cancel_scope.cancel()


async def test_a_lost_commit_is_made_up_for(http: HttpServer) -> None:
    hosted = HostedWorld(http)
    alice = hosted.account("alice.test")
    async with indexer(hosted) as index:
        for data in hosted.world.frames:
            await index.feed(data)
        await index.feed(hosted.after_a_gap(alice))
        await index.quiet(alice)
        assert index.records[alice.did] == wanted(alice)
        assert index.resync.statistics().fetched == 1
        # And the stream goes on from there.
        await index.feed(alice.create_record(POST, {"text": "next"}).frame)
        assert index.records[alice.did] == wanted(alice)
        assert not index.states[alice.did]


async def test_a_sync_event_makes_up_too(http: HttpServer) -> None:
    hosted = HostedWorld(http)
    alice = hosted.account("alice.test")
    async with indexer(hosted) as index:
        for data in hosted.world.frames:
            await index.feed(data)
        alice.create_record(POST, {"text": "lost"})
        event = alice.sync_event()
        hosted.publish(alice)
        await index.feed(event)
        await index.quiet(alice)
        assert index.records[alice.did] == wanted(alice)


async def test_commits_that_arrive_during_the_download_are_run_after_it(http: HttpServer) -> None:
    hosted = HostedWorld(http)
    alice = hosted.account("alice.test")
    async with indexer(hosted) as index:
        for data in hosted.world.frames:
            await index.feed(data)
        shown = hosted.after_a_gap(alice)
        hosted.delay_download(alice, 0.3)
        await index.feed(shown)
        await until(lambda: any("getRepo" in asked for asked in http.asked))
        for number in range(5):
            await index.feed(alice.create_record(POST, {"text": f"during {number}"}).frame)
        assert index.resync.statistics().held_bytes > 0
        before = index.applied
        await index.quiet(alice)
        assert index.records[alice.did] == wanted(alice)
        assert index.applied == before + 6
        assert index.resync.statistics() == Statistics(0, 0, 1, 0, 0, 0, False)


async def test_too_much_to_hold_is_fetched_again(http: HttpServer) -> None:
    hosted = HostedWorld(http)
    alice = hosted.account("alice.test")
    async with indexer(hosted, held_bytes_each=3000) as index:
        for data in hosted.world.frames:
            await index.feed(data)
        shown = hosted.after_a_gap(alice)
        hosted.delay_download(alice, 0.2)
        await index.feed(shown)
        await until(lambda: any("getRepo" in asked for asked in http.asked))
        for number in range(10):
            await index.feed(alice.create_record(POST, {"text": f"during {number}"}).frame)
            assert index.resync.statistics().held_bytes <= 3000
        hosted.publish(alice)
        await until(lambda: index.resync.ready)
        assert index.resync.release() == []
        assert index.resync.statistics().waiting == 1


async def test_a_repository_in_step_is_held_back_while_it_is_fetched(http: HttpServer) -> None:
    """A backfill marks repositories that the stream may be running on."""
    hosted = HostedWorld(http)
    alice = hosted.account("alice.test")
    async with indexer(hosted) as index:
        for data in hosted.world.frames:
            await index.feed(data)
        hosted.delay_download(alice, 0.2)
        index.states[alice.did] = RepositoryState.DESYNCHRONIZED
        index.resync.request(alice.did, index.actor(alice.did))
        await until(lambda: any("getRepo" in asked for asked in http.asked))
        applied = index.applied
        for number in range(3):
            await index.feed(alice.create_record(POST, {"text": f"during {number}"}).frame)
        assert index.applied == applied
        await index.quiet(alice)
        assert index.records[alice.did] == wanted(alice)


async def test_what_an_earlier_run_left_is_found_in_the_database(http: HttpServer) -> None:
    hosted = HostedWorld(http)
    alice = hosted.account("alice.test")
    async with indexer(hosted) as index:
        index.known[alice.did] = (0, None, False)
        index.states[alice.did] = RepositoryState.IN_PROGRESS
        await index.quiet(alice)
        assert index.records[alice.did] == wanted(alice)


@pytest.mark.parametrize("error", ["RepoNotFound", "InternalServerError", "InvalidRequest"])
async def test_a_repository_that_cannot_be_fetched_waits(http: HttpServer, error: str) -> None:
    hosted = HostedWorld(http)
    alice = hosted.account("alice.test")
    hosted.refuse(alice, error, 500 if error == "InternalServerError" else 400)
    async with indexer(hosted) as index:
        index.known[alice.did] = (0, None, False)
        index.states[alice.did] = RepositoryState.DESYNCHRONIZED
        await until(lambda: index.resync.statistics().failed > 0)
        await anyio.sleep(0.05)
        assert index.resync.statistics() == Statistics(1, 0, 0, 1, 0, int(error == "RepoNotFound"), False)
        assert index.states[alice.did]


async def test_an_export_signed_with_a_new_key_is_believed_after_one_refresh(http: HttpServer) -> None:
    hosted, other = HostedWorld(http), HostedWorld(http, seed=2)
    alice, stranger = hosted.account("alice.test"), other.account("stranger.test")
    right = http.routes[f"/{alice.did}"]
    wrong = right.body.replace(
        alice.document()["verificationMethod"][0]["publicKeyMultibase"].encode(),
        stranger.document()["verificationMethod"][0]["publicKeyMultibase"].encode(),
    )
    async with indexer(hosted) as index:
        http.routes[f"/{alice.did}"] = Answer(wrong)
        await index.resync._exporter._resolver.resolve(alice.did)
        http.routes[f"/{alice.did}"] = right
        index.known[alice.did] = (0, None, False)
        index.states[alice.did] = RepositoryState.DESYNCHRONIZED
        index.resync.request(alice.did, index.actor(alice.did))
        await index.quiet(alice)
        assert index.records[alice.did] == wanted(alice)


@pytest.mark.parametrize("seed", range(6))
async def test_random_losses(http: HttpServer, seed: int) -> None:
    chance = random.Random(seed)
    hosted = HostedWorld(http, seed)
    accounts = [hosted.account(f"a{number}.test") for number in range(4)]
    async with indexer(hosted, workers=2) as index:
        for data in hosted.world.frames:
            await index.feed(data)
        for _ in range(120):
            account = chance.choice(accounts)
            paths = [path for path in wanted(account) if path.startswith(POST)]
            match chance.randrange(4):
                case 0 if paths:
                    data = account.delete_record(*chance.choice(paths).split("/")).frame
                case 1 if paths:
                    text = {"text": str(chance.random())}
                    data = account.update_record(POST, text, chance.choice(paths).split("/")[1]).frame
                case _:
                    data = account.create_record(POST, {"text": str(chance.random())}).frame
            hosted.publish(account)
            if chance.random() < 0.8:
                await index.feed(data)
            if chance.random() < 0.3:
                await anyio.sleep(0.005)
        for account in accounts:
            # The last word of each: whatever was lost before now shows.
            data = account.create_record(POST, {"text": "last"}).frame
            hosted.publish(account)
            index.resync._last.clear()
            await index.feed(data)
        for task in index.resync._tasks.values():
            if task.due:
                index.resync._schedule(task, 0.0)
        await index.quiet(*accounts)
        assert index.resync.statistics().fetched >= len(accounts)
        for account in accounts:
            assert index.records[account.did] == wanted(account)
