"""The bridge from Trio to the asyncio thread: results, errors and cancellation cross it both ways."""

from __future__ import annotations

import asyncio
import threading

import pytest
import trio

from indexer.ops.asyncio_thread import asyncio_thread

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "trio"


async def test_result_and_error_cross() -> None:
    async def double(x: int) -> int:
        await asyncio.sleep(0)
        return 2 * x

    async def fail() -> None:
        raise LookupError("on the other side")

    async with asyncio_thread() as thread:
        assert await thread.call(double, 21) == 42
        with pytest.raises(LookupError, match="on the other side"):
            await thread.call(fail)


async def test_calls_run_on_one_other_thread_at_the_same_time() -> None:
    both = asyncio.Barrier(2)
    threads: set[int] = set()

    async def meet() -> None:
        threads.add(threading.get_ident())
        await both.wait()

    async with asyncio_thread() as thread, trio.open_nursery() as nursery:
        nursery.start_soon(thread.call, meet)
        nursery.start_soon(thread.call, meet)
    assert len(threads) == 1
    assert threading.get_ident() not in threads


async def test_cancellation_waits_for_the_other_sides_clean_up() -> None:
    cleaned_up = threading.Event()

    async def slow() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.05)
            cleaned_up.set()

    async with asyncio_thread() as thread:
        with trio.move_on_after(0.05) as scope:
            await thread.call(slow)
        assert scope.cancelled_caught
        assert cleaned_up.is_set()


async def test_tasks_left_behind_are_cancelled_at_the_end() -> None:
    cancelled = threading.Event()

    async def linger() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    background: list[asyncio.Task[None]] = []

    async def start() -> None:
        background.append(asyncio.create_task(linger()))
        await asyncio.sleep(0)

    async with asyncio_thread() as thread:
        await thread.call(start)
    assert cancelled.is_set()
