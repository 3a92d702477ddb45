"""Home timelines in sorted sets: a cached page equals the page of the database, whatever happens in between."""

from __future__ import annotations

import asyncio
import contextlib
import random
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import redis.asyncio
from hypothesis import given
from hypothesis import strategies as st
from redis.exceptions import RedisError

from indexer.cache import keys, writer
from indexer.cache.client import CacheClient
from indexer.cache.reader import CachedPage, CacheReader
from indexer.cache.timelines import MAX_UNREAD_ITEMS, MOST_ADDRESSES, MOST_WAITING_ITEMS, FanOut
from indexer.cache.writer import CacheWriter
from indexer.ops.embedded.binaries import choose_account, valkey_program
from indexer.store.deltas import Deltas, Detail

from .model import Database

pytestmark = pytest.mark.anyio

VIEWER = 1


class Cache:
    """A running writer and a reader over one database model."""

    def __init__(self, url: str, database: Database) -> None:
        self.database = database
        self.client = CacheClient(url)
        self.writer = CacheWriter(self.client, database)
        self.reader = CacheReader(self.client)

    async def apply(self, deltas: Deltas) -> None:
        """Apply a commit's changes and wait until they are sent."""
        await self.writer.apply(deltas)
        for _ in range(400):
            if self.writer.is_idle:
                return
            await asyncio.sleep(0.005)
        raise AssertionError("a change was not sent within 2 s")

    async def eventually_cached(self, viewer: int = VIEWER) -> CachedPage:
        for _ in range(400):
            page = await self.reader.timeline(viewer, None, 2000)
            if page is not None:
                return page
            await asyncio.sleep(0.02)
        raise AssertionError("the timeline did not become cached within 8 s")


@contextlib.asynccontextmanager
async def running(cache_writer: CacheWriter) -> AsyncIterator[None]:
    task = asyncio.create_task(cache_writer.run())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@contextlib.asynccontextmanager
async def running_cache(url: str, database: Database) -> AsyncIterator[Cache]:
    cache = Cache(url, database)
    try:
        async with running(cache.writer):
            yield cache
    finally:
        await cache.client.close()


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(400):
        if condition():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("the condition did not become true within 8 s")


def items_of(page: CachedPage) -> list[tuple[int, int, bool]]:
    return [keys.read_item_member(member) for member in page.members]


def check(page: CachedPage, database: Database, viewer: int = VIEWER) -> None:
    """Nothing is missing; an item deleted while the timeline was filled may be left over: readers check existence."""
    home = database.home(viewer)
    existing = {item[:3]: item for items in database.items.values() for item in items}
    found = (existing[item] for item in items_of(page) if item in existing)
    shown = sorted(found, key=lambda item: (-item[3], item))
    assert shown == home[: len(shown)] or {i[3] for i in set(shown) ^ set(home[: len(shown)])} <= {
        shown[-1][3]
    }
    if page.floor is not None:
        assert len(shown) == len(home) or len(shown) >= writer.TIMELINE_LENGTH - 50


async def test_nothing_is_sent_while_the_stream_is_caught_up_with(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Readers ask the database meanwhile; afterwards the timeline has what was committed."""
    monkeypatch.setattr(writer, "HURRIED_SECONDS", 0.5)
    database = Database(following={VIEWER: {2}})
    async with running_cache(redis_url, database) as cache:
        await cache.apply(database.post(2, 1))
        await cache.eventually_cached()
        assert cache.writer.wants_details(hurried=True) is Detail.ROWS
        sent = cache.writer.status.items_sent
        for time_ in range(2, 12):
            await cache.writer.apply(database.post(2, time_))
        await asyncio.sleep(0.2)
        assert not cache.writer.is_idle
        assert cache.writer.status.items_sent == sent
        assert await cache.reader.timeline(VIEWER, None, 10) is None
        await until(lambda: cache.writer.is_idle)
        check(await cache.eventually_cached(), database)
        assert cache.writer.status.items_sent == sent + 10


async def test_a_commit_while_catching_up_is_never_marked_as_sent(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mark of the commit before, under way to Redis meanwhile, lets nobody believe a timeline that lacks it: not
    even who begins to listen now, and has not heard of it.
    """
    database = Database(following={VIEWER: {2}})
    async with running_cache(redis_url, database) as cache:
        await cache.apply(database.post(2, 1))
        await cache.eventually_cached()
        commands = cache.client.commands
        hurried: list[asyncio.Task[None]] = []

        @contextlib.asynccontextmanager
        async def marking_late() -> AsyncIterator[redis.asyncio.Redis]:
            task = asyncio.current_task()
            assert task is not None
            async with commands() as connection:
                if not hurried and getattr(task.get_coro(), "__name__", "") == "_send_changes":
                    cache.writer.wants_details(hurried=True)
                    hurried.append(asyncio.create_task(cache.writer.apply(database.post(2, 3))))
                    await asyncio.wait(hurried, timeout=0.3)
                yield connection

        monkeypatch.setattr(cache.client, "commands", marking_late)
        await cache.writer.apply(database.post(2, 2))
        await until(lambda: bool(hurried))
        await hurried[0]
        await asyncio.sleep(0.1)  # the mark has come, in whatever order
        monkeypatch.undo()
        late = CacheReader(cache.client)
        assert await late.timeline(VIEWER, None, 10) is None
        assert not cache.writer.is_idle


async def test_timelines_for_which_too_much_waits_are_given_up(redis_url: str) -> None:
    database = Database(following={VIEWER: {2}})
    async with running_cache(redis_url, database) as cache:
        await cache.apply(database.post(2, 1))
        await cache.eventually_cached()
        fills = cache.writer.status.fills
        assert cache.writer.wants_details(hurried=True) is Detail.ROWS
        for time_ in range(2, MOST_WAITING_ITEMS + 3):
            await cache.writer.apply(database.post(2, time_))
        assert cache.writer.status.timelines == 0
        assert cache.writer.wants_details(hurried=True) is Detail.NONE  # nobody needs them now
        for _ in range(5):
            assert await cache.reader.timeline(VIEWER, None, 10) is None
            await asyncio.sleep(0.1)
        assert cache.writer.status.fills == fills
        cache.writer.wants_details(hurried=False)
        check(await cache.eventually_cached(), database)
        assert cache.writer.status.fills == fills + 1


@given(key=st.integers(-(1 << 61), (1 << 61)), actor=st.integers(0, 1 << 62), is_repost=st.booleans())
def test_members_round_trip(key: int, actor: int, is_repost: bool) -> None:
    member = keys.item_member(key, actor, is_repost)
    assert len(member) == 16
    assert keys.read_item_member(member) == (key, actor, is_repost)


async def test_a_commit_without_details_gives_up_the_timelines_that_were_begun_meanwhile(
    redis_url: str,
) -> None:
    database = Database()
    database.follow(VIEWER, 2)
    async with running_cache(redis_url, database) as cache:
        assert not cache.writer.wants_details(hurried=False)
        check(await cache.eventually_cached(), database)
        assert cache.writer.wants_details(hurried=True) is Detail.ROWS
        database.post(2, 5_000)
        await cache.writer.apply(Deltas(detail=Detail.NONE))
        assert await cache.reader.timeline(VIEWER, None, 10) is None
        page = await cache.eventually_cached()
        check(page, database)
        assert len(page.members) == 1


async def test_a_read_makes_the_timeline_cached_and_commits_keep_it_equal(redis_url: str) -> None:
    database = Database()
    for author in (2, 3):
        database.follow(VIEWER, author)
        for at in range(50):
            database.post(author, 1_000 + at)
    async with running_cache(redis_url, database) as cache:
        assert await cache.reader.timeline(VIEWER, None, 10) is None
        check(await cache.eventually_cached(), database)
        await cache.apply(database.post(2, 5_000))
        await cache.apply(database.post(VIEWER, 5_001))
        await cache.apply(database.post(9, 5_002))  # not followed
        await cache.apply(database.post(3, 1_010, is_repost=True))  # late, into the middle
        page = await cache.reader.timeline(VIEWER, None, 2000)
        assert page is not None
        check(page, database)
        assert len(page.members) == 103
        newest = items_of(page)[0]
        item = next(item for item in database.items[newest[1]] if item[:3] == newest)
        await cache.apply(database.delete(item))
        page = await cache.reader.timeline(VIEWER, None, 2000)
        assert page is not None
        assert len(page.members) == 102


async def test_pages_join_without_gap_or_repeat(redis_url: str) -> None:
    database = Database()
    database.follow(VIEWER, 2)
    for at in range(300):
        database.post(2, 1_000 + at)
    async with running_cache(redis_url, database) as cache:
        whole = await cache.eventually_cached()
        walked: list[bytes] = []
        before = None
        while page := await cache.reader.timeline(VIEWER, before, 40):
            walked += page.members
            if page.floor is not None:
                break
            before = page.oldest - 1
        assert walked == whole.members


async def test_a_long_timeline_is_trimmed_and_says_where_it_ends(redis_url: str) -> None:
    database = Database()
    database.follow(VIEWER, 2)
    for at in range(1_500):
        database.post(2, 1_000 + at)
    async with running_cache(redis_url, database) as cache:
        whole = await cache.eventually_cached()
        assert writer.TIMELINE_LENGTH - 1 <= len(whole.members) <= writer.TIMELINE_LENGTH
        assert whole.floor is not None
        for at in range(writer.TRIM_SLACK + 1):
            await cache.apply(database.post(2, 10_000 + at))
        page = await cache.reader.timeline(VIEWER, None, 2000)
        assert page is not None
        assert len(page.members) <= writer.TIMELINE_LENGTH
        check(page, database)


async def test_a_follow_and_an_unfollow_show_at_once(redis_url: str) -> None:
    database = Database()
    database.follow(VIEWER, 2)
    database.post(2, 1_000)
    database.post(3, 1_001)
    async with running_cache(redis_url, database) as cache:
        await cache.eventually_cached()
        for change in (database.follow(VIEWER, 3), database.unfollow(VIEWER, 2)):
            await cache.apply(change)
            assert await cache.reader.timeline(VIEWER, None, 10) is None
        check(await cache.eventually_cached(), database)


@pytest.mark.parametrize("seed", range(6))
async def test_random_changes_reads_and_wipes(redis_url: str, seed: int) -> None:
    rng = random.Random(seed)
    database = Database(slow=0.01)
    clock = 1_000
    async with running_cache(redis_url, database) as cache, redis.asyncio.Redis.from_url(redis_url) as client:
        for step in range(500):
            clock += rng.randrange(3)
            viewer, author = rng.randrange(3), rng.randrange(6)
            match rng.randrange(12):
                case 0:
                    await cache.apply(database.follow(viewer, author))
                case 1 if database.following.get(viewer):
                    await cache.apply(database.unfollow(viewer, rng.choice(list(database.following[viewer]))))
                case 2 if database.items.get(author):
                    await cache.apply(database.delete(rng.choice(list(database.items[author]))))
                case 3 | 4 | 5 | 6:
                    at = clock - rng.choice([0, 0, 0, 200])
                    await cache.apply(database.post(author, at, rng.random() < 0.3))
                case 7 if rng.random() < 0.1:
                    await client.flushall()
                case _:
                    page = await cache.reader.timeline(viewer, None, rng.choice([5, 2000]))
                    if page is not None:
                        check(page, database, viewer)
            if step % 5 == 0:
                await asyncio.sleep(0.01)
        for viewer in range(3):
            check(await cache.eventually_cached(viewer), database, viewer)


async def test_an_unread_timeline_is_given_up(redis_url: str) -> None:
    now = 0.0
    database = Database()
    client = CacheClient(redis_url)
    cache_writer = CacheWriter(client, database, unread_seconds=60, clock=lambda: now)
    reader = CacheReader(client)
    async with running(cache_writer):
        for _ in range(100):
            if await reader.timeline(VIEWER, None, 10) is not None:
                break
            await asyncio.sleep(0.02)
        assert cache_writer.status.timelines == 1
        now = 30.0
        await reader.timeline(VIEWER, None, 10)
        await asyncio.sleep(0.3)
        now = 80.0
        await asyncio.sleep(0.3)
        assert cache_writer.status.timelines == 1
        now = 100.0
        await until(lambda: cache_writer.status.timelines == 0)
    await client.close()


async def test_a_crashed_writers_cache_is_not_believed(redis_url: str) -> None:
    database = Database()
    async with running_cache(redis_url, database) as cache:
        await cache.eventually_cached()
        epoch = cache.writer.status.epoch
    async with redis.asyncio.Redis.from_url(redis_url) as client:
        assert await client.get(keys.EPOCH) is None  # a clean end says so at once
        assert epoch is not None
        await client.set(keys.EPOCH, epoch, ex=keys.EPOCH_SECONDS)  # a crash leaves the key until it expires
        assert 0 < await client.ttl(keys.EPOCH) <= keys.EPOCH_SECONDS
    async with running_cache(redis_url, database) as cache:
        await until(lambda: cache.writer.status.epoch not in (None, epoch))


async def test_a_server_that_comes_back_without_the_last_second_is_not_believed(tmp_path: Path) -> None:
    """With its append-only file, a killed server has the epoch again, but perhaps not what came to it last."""
    database = Database()
    database.follow(VIEWER, 2)
    database.post(2, 1_000)
    account = choose_account(tmp_path)
    copies = tmp_path / "programs"
    copies.mkdir()
    command = [str(valkey_program(account, copies)), "--port", "0", "--unixsocket", str(tmp_path / "socket")]
    command += ["--dir", str(tmp_path), "--save", "", "--appendonly", "yes", "--appendfsync", "always"]
    files, before = tmp_path / "appendonlydir", tmp_path / "before"

    def start() -> subprocess.Popen[bytes]:
        """Start the server and wait until it answers; the writer, on the same loop, does not see it gone."""
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        with redis.Redis.from_url(f"unix://{tmp_path / 'socket'}") as client:
            for _ in range(500):
                try:
                    client.ping()
                except RedisError:
                    time.sleep(0.01)
                else:
                    return process
        raise AssertionError("the server did not answer within 5 s")

    server = start()
    try:
        async with running_cache(f"unix://{tmp_path / 'socket'}", database) as cache:
            await cache.eventually_cached()
            epoch = cache.writer.status.epoch
            shutil.copytree(files, before)
            await cache.apply(database.post(2, 5_000))
            server.kill()
            server.wait()
            shutil.rmtree(files)
            before.rename(files)
            server = start()
            await until(lambda: cache.writer.status.epoch not in (None, epoch))
            page = await cache.eventually_cached()
            check(page, database)
            assert len(page.members) == 2
    finally:
        server.kill()
        server.wait()


async def test_without_redis_everything_goes_on(redis_url: str) -> None:
    database = Database()
    async with running_cache("redis://127.0.0.1:1/0", database) as cache:
        await cache.apply(database.post(2, 1_000))
        assert await cache.reader.timeline(VIEWER, None, 10) is None
        await asyncio.sleep(0.2)
        assert cache.writer.status.epoch is None
        assert cache.writer.status.last_error is None or "127.0.0.1:1" in cache.writer.status.last_error


async def test_size_of_a_full_timeline(redis_url: str) -> None:
    database = Database()
    database.follow(VIEWER, 2)
    for at in range(1_000):
        database.post(2, 1_784_000_000_000 + 977 * at)
    async with running_cache(redis_url, database) as cache, redis.asyncio.Redis.from_url(redis_url) as client:
        await cache.eventually_cached()
        assert cache.writer.status.epoch is not None
        name = keys.timeline(cache.writer.status.epoch, VIEWER)
        assert await client.object("encoding", name) == b"listpack"
        size = await client.memory_usage(name)
        assert size is not None
        assert size <= 25_000


async def test_an_item_for_many_timelines_is_sent_in_slices_and_not_to_who_unfollowed_meanwhile(
    redis_url: str,
) -> None:
    fan_out = FanOut()
    for viewer in range(1, 5_001):
        fan_out.watch(viewer, b"%d" % viewer, [9_999], 0.0)
    fan_out.add(9_999, b"first", 1)
    begun = fan_out.take(300)
    fan_out.watch(4_000, b"4000", [9_999], 0.0)  # began anew: its fill has the item
    fan_out.forget(4_500)
    fan_out.add(9_999, b"second", 2)
    fan_out.remove(9_999, b"first")
    sent: dict[int, list[tuple[bytes, int | None]]] = {}
    while begun or fan_out.is_waiting:
        part = begun or fan_out.take(300)
        begun = []
        assert sum(len(spread.addresses) for spread in part) < 300 + MOST_ADDRESSES
        for addresses, member, sort_at in part:
            assert 0 < len(addresses) <= MOST_ADDRESSES
            for address in addresses:
                sent.setdefault(int(address), []).append((member, sort_at))
    assert sent.pop(4_000) == [(b"second", 2), (b"first", None)]
    assert sent == {
        viewer: [(b"first", 1), (b"second", 2), (b"first", None)]
        for viewer in range(1, 5_001)
        if viewer not in (4_000, 4_500)
    }


def test_a_timeline_that_is_sent_much_and_not_read_is_given_up() -> None:
    fan_out = FanOut()
    for viewer in (1, 2):
        fan_out.watch(viewer, b"%d" % viewer, [9], 0.0)
    for number in range(MAX_UNREAD_ITEMS + 1):
        if number == 1:
            fan_out.read(2, 1.0)
        fan_out.add(9, b"%d" % number, number)
    assert {viewer for _ in range(4) for viewer in fan_out.unread(0.0)} == {1}
    assert fan_out.forget(1)
    fan_out.add(9, b"more", 9_999)
    assert {viewer for _ in range(4) for viewer in fan_out.unread(0.0)} == {2}
