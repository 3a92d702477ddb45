"""The stages with their repairs, over a real database and a real PDS: whatever is lost, the tables end equal
to the repositories.
"""

from __future__ import annotations

import random
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import orjson
import pytest
import trio

from indexer._fastpath import frame
from indexer._fastpath.cbor import encode
from indexer._fastpath.cid import CID
from indexer.app import open_store, signing_keys
from indexer.config import Settings
from indexer.errors import FrameError
from indexer.firehose import FrameBatch
from indexer.ops.asyncio_thread import AsyncioThread, asyncio_thread
from indexer.pipeline import Pipeline, Source
from indexer.records.collections import CODES
from indexer.simulation.account import Account
from indexer.store.ingest import IngestStore
from indexer.sync.fetch import Fetcher
from indexer.sync.identity import IdentityResolver, IdentitySettings
from indexer.sync.pds import PdsClient
from indexer.sync.resync import Resynchronizer
from tests.sync.hosted import POST, HostedWorld
from tests.sync.servers import Answer, http_server

pytestmark = pytest.mark.anyio

UPSTREAM = "ws://test"


class Running:
    """A pipeline that takes frames from the test."""

    def __init__(
        self,
        pipeline: Pipeline,
        thread: AsyncioThread,
        store: IngestStore,
        send: trio.MemorySendChannel[FrameBatch],
        broken: list[tuple[FrameError, int]],
    ) -> None:
        self._broken = broken
        self.pipeline = pipeline
        self.thread = thread
        self.store = store
        self._send = send

    async def feed(self, *frames: bytes, connection: int = 1) -> None:
        """Give frames to the stages, one batch, and wait until it is durable."""
        await self._send.send(FrameBatch(UPSTREAM, list(frames), time.time(), connection))
        body = frame.decode(frames[-1])[1]
        assert body is not None
        await until(lambda: self.pipeline.cursor(UPSTREAM) == body["seq"])

    async def refused(self, *frames: bytes, connection: int) -> str:
        """Give frames to the stages, one batch, and wait until the connection is to be dropped; return why."""
        self._broken.clear()
        await self._send.send(FrameBatch(UPSTREAM, list(frames), time.time(), connection))
        await until(lambda: bool(self._broken))
        assert self._broken[0][1] == connection
        return str(self._broken[0][0])

    async def records(self, account: Account) -> dict[str, bytes]:
        known = self.pipeline._accounts.get(account.did)
        assert known is not None
        return await self.thread.call(self.store.repository_records, known.id)

    async def settled(self, *accounts: Account) -> None:
        """Wait until nothing waits to be fetched, and the tables of the accounts equal their repositories."""
        assert self.pipeline.recovery is not None
        resync = self.pipeline.recovery.resync
        with trio.fail_after(20):
            while resync._tasks:  # noqa: ASYNC110 - other tasks' work
                await trio.sleep(0.02)
        assert await self.thread.call(self.store.waiting_repositories, 10) == []
        for account in accounts:
            assert await self.records(account) == wanted(account)


async def until(condition: Callable[[], bool]) -> None:
    with trio.fail_after(20):
        while not condition():  # noqa: ASYNC110 - another task's counters
            await trio.sleep(0.005)


def hurry(resync: Resynchronizer) -> None:
    """Have everything that waits tried now."""
    for task in resync._tasks.values():
        if task.due:
            resync._schedule(task, 0.0)


def wanted(account: Account) -> dict[str, bytes]:
    records = account.repo.records
    assert records is not None
    return {path: CID.of(block).digest for path, block in records.items() if path.split("/")[0] in CODES}


@pytest.fixture
def hosted() -> Iterator[HostedWorld]:
    with http_server() as server:
        yield HostedWorld(server)


@asynccontextmanager
async def running(hosted: HostedWorld, url: str) -> AsyncIterator[Running]:
    settings = Settings(
        postgres_url=url,
        plc_url=hosted.http.url,
        handle_resolver_url=hosted.http.url,
        allow_private_hosts=True,
        batch_seconds=0.001,
    )
    async with (
        asyncio_thread() as thread,
        open_store(thread, settings) as store,
        IdentityResolver(replace(IdentitySettings.of(settings), refresh_interval=0.0)) as resolver,
        Fetcher(allow_private=True) as fetcher,
    ):
        pipeline = Pipeline(settings, thread, store, keys=signing_keys(resolver))
        recovery = pipeline.recover(resolver, PdsClient(fetcher))
        send, receive = trio.open_memory_channel[FrameBatch](0)
        broken: list[tuple[FrameError, int]] = []
        async with trio.open_nursery() as background:
            background.start_soon(recovery.resync.run)
            async with trio.open_nursery() as stages:
                stages.start_soon(pipeline.run, [Source(receive, lambda *told: broken.append(told))])
                async with send:
                    yield Running(pipeline, thread, store, send, broken)
            background.cancel_scope.cancel()


async def test_a_lost_commit_is_made_up_for_and_the_stream_goes_on(
    hosted: HostedWorld, postgres_url: str
) -> None:
    alice = hosted.account("alice.test")
    async with running(hosted, postgres_url) as run:
        await run.feed(*hosted.world.frames)
        await run.feed(hosted.after_a_gap(alice))
        await run.settled(alice)
        await run.feed(alice.create_record(POST, {"text": "next"}).frame)
        assert await run.records(alice) == wanted(alice)
        assert run.pipeline.cursor(UPSTREAM) == hosted.world.clock.seq


async def test_a_frame_that_never_decodes_does_not_stop_the_stream(
    hosted: HostedWorld, postgres_url: str
) -> None:
    alice, bob = hosted.account("alice.test"), hosted.account("bob.test")
    async with running(hosted, postgres_url) as run:
        await run.feed(*hosted.world.frames)
        broken = alice.create_record(POST, {"text": "sent broken"}).frame[:-3]
        other = bob.create_record(POST, {"text": "waits behind it"}).frame
        for connection in (1, 2):
            assert "expected more bytes" in await run.refused(broken, other, connection=connection)
            assert await run.records(bob) != wanted(bob)
        await run.feed(broken, other, connection=3)
        assert await run.records(bob) == wanted(bob)
        assert run.pipeline.totals.dropped["broken_frame"] == 1
        # what was lost with it, the next commit of the repository shows
        await run.feed(alice.create_record(POST, {"text": "does not connect"}).frame, connection=3)
        hosted.publish(alice)
        await run.settled(alice, bob)


async def test_a_commit_without_the_previous_tree_is_taken_for_its_signature(
    hosted: HostedWorld, postgres_url: str
) -> None:
    alice = hosted.account("alice.test")
    async with running(hosted, postgres_url) as run:
        await run.feed(*hosted.world.frames)
        header, body = frame.decode(alice.create_record(POST, {"text": "of an old server"}).frame)
        assert body is not None
        del body["prevData"]
        await run.feed(encode({"op": 1, "t": header}) + encode(body))
        assert run.pipeline.totals.dropped.total() == 0
        assert await run.records(alice) == wanted(alice)
        await run.feed(alice.create_record(POST, {"text": "and the next one connects"}).frame)
        assert await run.records(alice) == wanted(alice)


async def test_commits_during_the_download_are_run_after_it(hosted: HostedWorld, postgres_url: str) -> None:
    alice = hosted.account("alice.test")
    async with running(hosted, postgres_url) as run:
        await run.feed(*hosted.world.frames)
        shown = hosted.after_a_gap(alice)
        hosted.delay_download(alice, 0.4)
        await run.feed(shown)
        await until(lambda: any("getRepo" in asked for asked in hosted.http.asked))
        for number in range(5):
            await run.feed(alice.create_record(POST, {"text": f"during {number}"}).frame)
        assert len(await run.records(alice)) < len(wanted(alice))
        await run.settled(alice)
        assert sum("getRepo" in asked for asked in hosted.http.asked) == 1


async def test_a_sync_event_during_the_download_is_not_forgotten(
    hosted: HostedWorld, postgres_url: str
) -> None:
    """It tells of a state that is later than what is being fetched, and nothing else comes after it."""
    alice = hosted.account("alice.test")
    async with running(hosted, postgres_url) as run:
        await run.feed(*hosted.world.frames)
        shown = hosted.after_a_gap(alice)
        hosted.delay_download(alice, 0.4)
        await run.feed(shown)
        await until(lambda: any("getRepo" in asked for asked in hosted.http.asked))
        alice.create_record(POST, {"text": "lost as well"})
        await run.feed(alice.sync_event())
        hosted.publish(alice)
        resync = run.pipeline.recovery.resync  # type: ignore[union-attr]
        await until(lambda: resync.statistics().fetched == 1)
        with trio.fail_after(20):
            while resync._tasks:
                hurry(resync)
                await trio.sleep(0.02)
        await run.settled(alice)


async def test_a_refused_commit_leaves_no_hole(hosted: HostedWorld, postgres_url: str) -> None:
    alice, bob = hosted.account("alice.test"), hosted.account("bob.test")
    document = hosted.http.routes[f"/{alice.did}"]
    wrong = orjson.dumps(bob.document()).replace(bob.did.encode(), alice.did.encode())
    hosted.http.routes[f"/{alice.did}"] = Answer(wrong)
    async with running(hosted, postgres_url) as run:
        await run.feed(*hosted.world.frames)
        assert run.pipeline.totals.dropped["signature_invalid"] == 1
        assert await run.records(bob) == wanted(bob)
        assert not await run.records(alice)
        # The right key is published; nothing else ever comes of this account.
        hosted.http.routes[f"/{alice.did}"] = document
        hurry(run.pipeline.recovery.resync)  # type: ignore[union-attr]
        await run.settled(alice)


async def test_a_crash_before_the_fetch_is_made_up_for_by_the_next_run(
    hosted: HostedWorld, postgres_url: str
) -> None:
    alice = hosted.account("alice.test")
    hosted.refuse(alice, "InternalServerError", 500)
    async with running(hosted, postgres_url) as run:
        await run.feed(*hosted.world.frames)
        alice.create_record(POST, {"text": "lost"})
        await run.feed(alice.create_record(POST, {"text": "does not connect"}).frame)
    hosted.publish(alice)
    async with running(hosted, postgres_url) as run:
        await run.feed(alice.create_record(POST, {"text": "held: not fetched yet"}).frame)
        hosted.publish(alice)
        await run.settled(alice)


async def test_account_events_are_checked_at_the_present_host(hosted: HostedWorld, postgres_url: str) -> None:
    moved, gone = hosted.account("moved.test"), hosted.account("gone.test")
    hosted.refuse(gone, "RepoNotFound")
    async with running(hosted, postgres_url) as run:
        await run.feed(*hosted.world.frames)
        events = [account.account_event(active=False, status="deleted") for account in (moved, gone)]
        await run.feed(*events)
        assert await run.records(moved) == wanted(moved)
        assert await run.records(gone) == {}
        known = await run.thread.call(run.store.actors, [moved.did, gone.did])
        assert [account.status for account in known] == [0, 2]


@pytest.mark.parametrize("seed", range(3))
async def test_random_losses(hosted: HostedWorld, postgres_url: str, seed: int) -> None:
    chance = random.Random(seed)
    accounts = [hosted.account(f"a{number}.test") for number in range(4)]
    async with running(hosted, postgres_url) as run:
        await run.feed(*hosted.world.frames)
        batch: list[bytes] = []
        for _ in range(150):
            batch += random_frames(chance, hosted, chance.choice(accounts))
            if chance.random() < 0.2 and batch:
                await run.feed(*batch)
                batch = []
        for account in accounts:
            batch.append(account.create_record(POST, {"text": "last"}).frame)
            hosted.publish(account)
        await run.feed(*batch)
        resync = run.pipeline.recovery.resync  # type: ignore[union-attr]
        with trio.fail_after(20):
            while resync._tasks:
                # Repositories that keep coming apart wait longer and longer; the test does not.
                resync._last.clear()
                hurry(resync)
                await trio.sleep(0.02)
        await run.settled(*accounts)


def random_frames(chance: random.Random, hosted: HostedWorld, account: Account) -> Sequence[bytes]:
    """What one write of an account sends, unless it is lost."""
    posts = [path for path in wanted(account) if path.startswith(POST)]
    text = {"text": str(chance.random())}
    match chance.randrange(4):
        case 0 if posts:
            written = account.delete_record(*chance.choice(posts).split("/")).frame
        case 1 if posts:
            written = account.update_record(POST, text, chance.choice(posts).split("/")[1]).frame
        case _:
            written = account.create_record(POST, text).frame
    hosted.publish(account)
    return [written] if chance.random() < 0.85 else []
