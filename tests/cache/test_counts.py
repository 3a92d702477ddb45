"""Counts in sorted sets: a reader fills only what it claimed, so that a newer value is never replaced."""

from __future__ import annotations

import asyncio
import random

import pytest
import redis.asyncio
from hypothesis import given
from hypothesis import strategies as st

from indexer.cache import counts, keys
from indexer.cache.client import CacheClient
from indexer.cache.counts import (
    ACTORS,
    CLAIM_MILLISECONDS,
    POSTS,
    CountReader,
    Found,
    Values,
)
from indexer.store.deltas import ActorCount, Deltas, Detail, PostCount

from .model import Database
from .test_timelines import Cache, running_cache, until

pytestmark = pytest.mark.anyio

POST = (1_800_000_000_000_000 << 10, 7)
YESTERDAY = (POST[0] - (86_400_000_000 << 10), 8)
RARE = (-3, 7)


@given(key=st.integers(-(1 << 63), (1 << 63) - 1), actor=st.integers(0, 1 << 62))
def test_members_of_a_bucket_are_as_long_as_each_other(key: int, actor: int) -> None:
    assert len(keys.post_member(key, actor)) == 16
    assert len(keys.actor_member(actor)) == 8


async def kept(cache: Cache) -> CountReader:
    """A reader, as soon as the writer sends counts because it has asked for some."""
    reader = CountReader(cache.client)
    await until_kept(reader)
    return reader


async def until_kept(reader: CountReader) -> None:
    for _ in range(400):
        if (await reader.read(POSTS, [(1, 1)])).claim is not None:
            return
        await asyncio.sleep(0.02)
    raise AssertionError("counts were not kept within 8 s")


async def put(reader: CountReader, *values: tuple[tuple[int, int], Values]) -> None:
    """Read what is not cached, and fill it."""
    found = await reader.read(POSTS, [post for post, _ in values])
    assert found.values == {}
    assert found.claim is not None
    reader.fill(POSTS, found.claim, dict(values))
    await reader.filled()


async def test_fill_then_commit(redis_url: str) -> None:
    async with running_cache(redis_url, Database()) as cache:
        reader = await kept(cache)
        values: dict[tuple[int, int], Values] = {
            POST: (4, 3, 2, 1),
            YESTERDAY: (7, 0, 0, 9),
            RARE: (1, 0, 0, 0),
        }
        await put(reader, *values.items())
        assert await reader.read(POSTS, [RARE, POST, YESTERDAY]) == Found(values, None)
        await cache.writer.apply(
            Deltas(post_counts=[PostCount(*POST, 5, 3, 2, 1), PostCount(POST[0], 8, 9, 9, 9, 9)])
        )
        found = await reader.read(POSTS, [POST, (POST[0], 8)])
        assert found.values == {POST: (5, 3, 2, 1)}  # what nobody had read is not cached
        of_actors = await reader.read(ACTORS, [7, 71])
        assert of_actors.claim is not None
        reader.fill(ACTORS, of_actors.claim, {7: (1, 2, 3), 71: (0, 0, 0)})
        await reader.filled()
        await cache.writer.apply(Deltas(actor_counts=[ActorCount(7, 1, 2, 4)]))
        assert (await reader.read(ACTORS, [7, 71])).values == {7: (1, 2, 4), 71: (0, 0, 0)}


async def test_a_slow_reader_cannot_replace_a_newer_value(redis_url: str) -> None:
    async with running_cache(redis_url, Database()) as cache:
        reader = await kept(cache)
        found = await reader.read(POSTS, [POST])
        assert found.claim is not None
        old = (1, 0, 0, 0)  # read from Postgres now, and committed since:
        await cache.writer.apply(Deltas(post_counts=[PostCount(*POST, 2, 0, 0, 0)]))
        reader.fill(POSTS, found.claim, {POST: old})
        await reader.filled()
        assert (await reader.read(POSTS, [POST])).values == {POST: (2, 0, 0, 0)}


async def test_a_claim_is_nobody_elses_until_it_is_old(redis_url: str) -> None:
    now = 1_784_000_000.0
    async with running_cache(redis_url, Database()) as cache:
        await kept(cache)
        first = CountReader(cache.client, clock=lambda: now)
        second = CountReader(cache.client, clock=lambda: now)
        of_first, of_second = [(await reader.read(POSTS, [POST])).claim for reader in (first, second)]
        assert of_first is not None
        assert of_second is not None
        second.fill(POSTS, of_second, {POST: (9, 9, 9, 9)})
        await second.filled()
        assert (await second.read(POSTS, [POST])).values == {}
        now += CLAIM_MILLISECONDS / 1000 + 1  # the first never came back
        await put(second, (POST, (1, 1, 1, 1)))
        first.fill(POSTS, of_first, {POST: (8, 8, 8, 8)})
        await first.filled()
        assert (await first.read(POSTS, [POST])).values == {POST: (1, 1, 1, 1)}


@pytest.mark.parametrize(
    "unknown",
    [
        Deltas(detail=Detail.NONE),
        Deltas(purged=[3]),
        Deltas(actor_counts=[ActorCount(actor, 1, 1, 1) for actor in range(counts.MOST_COUNTED + 1)]),
    ],
    ids=["without details", "a purge", "too many"],
)
async def test_a_commit_that_is_not_sent_voids_what_is_cached(redis_url: str, unknown: Deltas) -> None:
    async with running_cache(redis_url, Database()) as cache:
        reader = await kept(cache)
        epoch = cache.writer.status.epoch
        await put(reader, (POST, (1, 0, 0, 0)))
        late = await reader.read(POSTS, [YESTERDAY])
        assert late.claim is not None
        await cache.writer.apply(unknown)
        reader.fill(POSTS, late.claim, {YESTERDAY: (1, 0, 0, 0)})  # read before the commit
        await reader.filled()
        assert (
            await reader.read(POSTS, [POST, YESTERDAY]) == Found()
        )  # another such commit may follow: no claims
        await until_kept(reader)
        found = await reader.read(POSTS, [POST, YESTERDAY])
        assert found.values == {}
        assert found.claim is not None
        assert found.claim.generation != late.claim.generation
        assert cache.writer.status.epoch == epoch  # timelines stay
        await put(reader, (RARE, (1, 0, 0, 0)))
        await cache.writer.apply(Deltas(post_counts=[PostCount(*RARE, 2, 0, 0, 0)]))
        assert (await reader.read(POSTS, [RARE])).values == {RARE: (2, 0, 0, 0)}


async def test_a_commit_whose_changes_are_lost_voids_what_is_cached(redis_url: str) -> None:
    async with running_cache(redis_url, Database()) as cache:
        reader = await kept(cache)
        await put(reader, (POST, (1, 0, 0, 0)))
        await cache.writer.apply(Deltas(complete=False))
        assert (await reader.read(POSTS, [POST])).values == {}


async def test_counts_are_sent_while_somebody_wants_them(redis_url: str) -> None:
    async with (
        running_cache(redis_url, Database()) as cache,
        redis.asyncio.Redis.from_url(redis_url) as client,
    ):
        reader = await kept(cache)
        await put(reader, (POST, (1, 0, 0, 0)))
        epoch = cache.writer.status.epoch
        assert epoch is not None
        wanted, told = keys.counts_wanted(epoch), keys.counts_kept(epoch)
        assert 0 < await client.ttl(wanted) <= keys.COUNTS_WANTED_SECONDS
        for name in await client.keys(f"{keys.PREFIX}{epoch}:counts:*"):
            assert 0 < await client.ttl(name) <= keys.COUNTS_SECONDS
        await client.delete(wanted)  # as if nobody had read counts for so long
        await asyncio.sleep(0.3)
        await cache.writer.apply(Deltas(post_counts=[PostCount(*POST, 2, 0, 0, 0)]))
        assert await client.get(told) is None
        await kept(cache)
        found = await reader.read(POSTS, [POST])
        assert found.values == {}
        assert found.claim is not None


async def test_counts_of_an_epoch_that_is_not_renewed_are_not_believed(redis_url: str) -> None:
    """A writer that lost Redis cannot say so: within a second nobody believes what it left."""
    async with (
        running_cache(redis_url, Database()) as cache,
        redis.asyncio.Redis.from_url(redis_url) as client,
    ):
        reader = await kept(cache)
        await put(reader, (POST, (1, 0, 0, 0)))
        left = await client.get(keys.EPOCH)
    assert left is not None
    reader_client = CacheClient(redis_url)
    async with redis.asyncio.Redis.from_url(redis_url) as client:
        reader = CountReader(reader_client)
        full = keys.EPOCH_SECONDS * 1000
        await client.set(keys.EPOCH, left, px=full)  # a crash leaves the key until it expires
        assert (await reader.read(POSTS, [POST])).values == {POST: (1, 0, 0, 0)}
        await client.set(keys.EPOCH, left, px=keys.EPOCH_LEFT_MILLISECONDS - 1)
        assert await reader.read(POSTS, [POST]) == Found()
    await reader_client.close()


async def test_a_wiped_redis_is_not_asked_for_counts_until_the_writer_has_begun_anew(redis_url: str) -> None:
    async with (
        running_cache(redis_url, Database()) as cache,
        redis.asyncio.Redis.from_url(redis_url) as client,
    ):
        reader = await kept(cache)
        before = cache.writer.status.epochs
        await client.flushall()
        assert await reader.read(POSTS, [POST]) == Found()
        await until(lambda: cache.writer.status.epochs > before)
        await kept(cache)


async def test_many_readers_and_commits_agree_in_the_end(redis_url: str) -> None:
    """Whatever is read was the count at some time between asking and being answered."""
    database = Database()
    random.seed(5)
    async with running_cache(redis_url, database) as cache:
        await kept(cache)
        told = 0  # likes that readers may have heard of

        async def read() -> None:
            reader = CountReader(cache.client)
            for _ in range(60):
                heard = told
                found = await reader.read(POSTS, [POST])
                if found.values:
                    assert heard <= found.values[POST][0] <= database.likes[POST]
                elif found.claim is not None:
                    value = database.likes.get(POST, 0)
                    await asyncio.sleep(0.006 * random.random())
                    reader.fill(POSTS, found.claim, {POST: (value, 0, 0, 0)})
                await asyncio.sleep(0.001)
            await reader.filled()

        async def commit() -> None:
            nonlocal told
            for number in range(100):
                deltas = database.like(*POST)
                await cache.writer.apply(Deltas(detail=Detail.NONE) if number % 20 == 19 else deltas)
                told = database.likes[POST]
                await asyncio.sleep(0.002)

        await asyncio.gather(commit(), *(read() for _ in range(4)))
        found = await CountReader(cache.client).read(POSTS, [POST])
        assert found.values in ({}, {POST: (100, 0, 0, 0)})
