"""The lookup cache: one lookup for many askers, expiry, bounds, cancellation."""

from __future__ import annotations

import anyio
import pytest

from indexer.errors import IdentityNotFound
from indexer.sync.ttl_cache import LookupCache, Outcome

pytestmark = pytest.mark.anyio


class Source:
    """Counts its questions and answers after a checkpoint."""

    def __init__(self, seconds: float = 10.0, error: IdentityNotFound | None = None) -> None:
        self.asked = 0
        self.seconds = seconds
        self.error = error

    async def __call__(self) -> Outcome[int]:
        self.asked += 1
        answer = self.asked
        await anyio.sleep(0.01)
        return Outcome(None if self.error else answer, self.error, self.seconds)


async def test_concurrent_askers_share_one_lookup() -> None:
    cache: LookupCache[str, int] = LookupCache(10)
    source, got = Source(), []

    async def ask() -> None:
        got.append(await cache.get("a", source))

    async with anyio.create_task_group() as tasks:
        for _ in range(20):
            tasks.start_soon(ask)
    assert got == [1] * 20
    assert source.asked == 1


async def test_outcomes_expire_and_the_oldest_goes_first() -> None:
    now = 0.0
    cache: LookupCache[str, int] = LookupCache(2, lambda: now)
    source = Source()
    assert [await cache.get(key, source) for key in ("a", "b", "a", "c", "a", "b")] == [1, 2, 1, 3, 1, 4]
    assert len(cache) == 2
    now = 10.0
    assert await cache.get("b", source) == 5


async def test_an_error_is_shared_and_kept_as_long_as_it_says() -> None:
    now = 0.0
    cache: LookupCache[str, int] = LookupCache(2, lambda: now)
    source = Source(5.0, IdentityNotFound("expected it"))
    for _ in range(3):
        with pytest.raises(IdentityNotFound, match="expected it"):
            await cache.get("a", source)
    assert source.asked == 1
    now = 5.0
    with pytest.raises(IdentityNotFound):
        await cache.get("a", source)
    assert source.asked == 2


async def test_what_holds_for_no_time_is_not_kept_but_shared() -> None:
    cache: LookupCache[str, int] = LookupCache(2)
    source = Source(0.0)
    async with anyio.create_task_group() as tasks:
        for _ in range(5):
            tasks.start_soon(cache.get, "a", source)
    assert source.asked == 1
    assert await cache.get("a", source) == 2


async def test_a_cancelled_lookup_leaves_nobody_waiting() -> None:
    cache: LookupCache[str, int] = LookupCache(2)
    source, got = Source(), []

    async def ask() -> None:
        got.append(await cache.get("a", source))

    async with anyio.create_task_group() as tasks:
        with anyio.move_on_after(0.001):
            await cache.get("a", source)
        tasks.start_soon(ask)
    assert got == [2]


async def test_a_dropped_key_is_looked_up_anew_even_during_a_lookup() -> None:
    cache: LookupCache[str, int] = LookupCache(2)
    source, got = Source(), []

    async def ask() -> None:
        got.append(await cache.get("a", source))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask)
        await anyio.sleep(0.001)
        cache.drop("a")
        tasks.start_soon(ask)
    assert sorted(value for value in got if value is not None) == [1, 2]
    assert await cache.get("a", source) == 2
