"""Counts in sorted sets: a reader fills only what it claimed, so that a newer value is never replaced."""

from __future__ import annotations

import asyncio

import pytest

from indexer.cache.reader import CLAIM_MILLISECONDS, CacheReader
from indexer.store.deltas import ActorCount, Deltas, PostCount

from .model import Database
from .test_timelines import Cache, running_cache

pytestmark = pytest.mark.anyio

POST = (1_800_000_000_000_000 << 10, 7)
RARE = (-3, 7)


async def kept(cache: Cache) -> None:
    """Wait until the writer sends counts, because a reader has asked for some."""
    for _ in range(400):
        _, claim = await cache.reader.post_counts([(1, 1)])
        if claim is not None:
            return
        await asyncio.sleep(0.02)
    raise AssertionError("counts were not kept within 8 s")


async def test_fill_then_commit(redis_url: str) -> None:
    async with running_cache(redis_url, Database()) as cache:
        await kept(cache)
        reader = cache.reader
        values, claim = await reader.post_counts([POST, RARE])
        assert values == {}
        assert claim is not None
        await reader.fill_post_counts(claim, {POST: (4, 3, 2, 1), RARE: (1, 0, 0, 0)})
        assert await reader.post_counts([POST, RARE]) == ({POST: (4, 3, 2, 1), RARE: (1, 0, 0, 0)}, None)
        await cache.writer.apply(
            Deltas(post_counts=[PostCount(*POST, 5, 3, 2, 1), PostCount(POST[0], 8, 9, 9, 9, 9)])
        )
        values, claim = await reader.post_counts([POST, (POST[0], 8)])
        assert values == {POST: (5, 3, 2, 1)}  # what nobody had read is not cached
        _, claim = await reader.actor_counts([7])
        await reader.fill_actor_counts(claim, {7: (1, 2, 3)})
        await cache.writer.apply(Deltas(actor_counts=[ActorCount(7, 1, 2, 4)]))
        assert await reader.actor_counts([7]) == ({7: (1, 2, 4)}, None)


async def test_a_slow_reader_cannot_replace_a_newer_value(redis_url: str) -> None:
    async with running_cache(redis_url, Database()) as cache:
        await kept(cache)
        _, claim = await cache.reader.post_counts([POST])
        old = (1, 0, 0, 0)  # read from Postgres now ...
        await cache.writer.apply(
            Deltas(post_counts=[PostCount(*POST, 2, 0, 0, 0)])
        )  # ... and committed since
        await cache.reader.fill_post_counts(claim, {POST: old})
        assert await cache.reader.post_counts([POST]) == ({POST: (2, 0, 0, 0)}, None)


async def test_a_claim_is_nobody_elses_until_it_is_old(redis_url: str) -> None:
    now = 1_784_000_000.0
    async with running_cache(redis_url, Database()) as cache:
        await kept(cache)
        first = CacheReader(cache.client, clock=lambda: now)
        second = CacheReader(cache.client, clock=lambda: now)
        _, claim_of_first = await first.post_counts([POST])
        _, claim_of_second = await second.post_counts([POST])
        await second.fill_post_counts(claim_of_second, {POST: (9, 9, 9, 9)})
        assert (await second.post_counts([POST]))[0] == {}
        now += CLAIM_MILLISECONDS / 1000 + 1  # the first never came back
        _, claim_of_second = await second.post_counts([POST])
        await second.fill_post_counts(claim_of_second, {POST: (1, 1, 1, 1)})
        await first.fill_post_counts(claim_of_first, {POST: (8, 8, 8, 8)})
        assert await first.post_counts([POST]) == ({POST: (1, 1, 1, 1)}, None)


async def test_many_readers_and_commits_agree_in_the_end(redis_url: str) -> None:
    database = Database()
    async with running_cache(redis_url, database) as cache:
        await kept(cache)

        async def read() -> None:
            for _ in range(60):
                values, claim = await cache.reader.post_counts([POST])
                if not values:
                    value = database.likes.get(POST, 0)
                    await asyncio.sleep(0.003)
                    await cache.reader.fill_post_counts(claim, {POST: (value, 0, 0, 0)})
                await asyncio.sleep(0.001)

        async def commit() -> None:
            for _ in range(100):
                await cache.writer.apply(database.like(*POST))
                await asyncio.sleep(0.002)

        await asyncio.gather(commit(), *(read() for _ in range(4)))
        values, _ = await cache.reader.post_counts([POST])
        assert values in ({}, {POST: (100, 0, 0, 0)})
