"""When a batch is handed over: by what waits and how long, by what is under way; never with two connections' frames."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing

import trio
from trio.testing import MockClock

from indexer.firehose import FrameBatch
from indexer.firehose.joining import AHEAD, GROWTH, WAITED, Joiner

EVENTS, SIZE, SECONDS = 24_000, 1_000_000, 0.1
Send = trio.MemorySendChannel[FrameBatch]


def handed_over(
    produce: Callable[[Joiner, Send], Awaitable[None]], under_way: tuple[int, ...] = ()
) -> list[tuple[int, int]]:
    """Batches as (milliseconds, frames), while `produce` sends to a joiner with so many frames `under_way`."""
    batches: list[tuple[int, int]] = []

    async def main() -> None:
        joiner = Joiner(events=EVENTS, size=SIZE, seconds=SECONDS)
        for count in under_way:
            joiner.begun(count, count)
        send, receive = trio.open_memory_channel[FrameBatch](0)
        began = trio.current_time()

        async def run() -> None:
            async with send:
                await produce(joiner, send)

        async with trio.open_nursery() as nursery, aclosing(joiner.join(receive)) as joined:
            nursery.start_soon(run)
            async for frames, _ in joined:
                batches.append((round(1000 * (trio.current_time() - began)), len(frames)))

    trio.run(main, clock=MockClock(autojump_threshold=0))
    return batches


def some(frames: int, *, connection: int = 1, size: int = 1) -> FrameBatch:
    return FrameBatch("ws://test", [bytes(size)] * frames, time.time(), connection)


def test_few_frames_wait_for_their_time() -> None:
    async def produce(_: Joiner, send: Send) -> None:
        await send.send(some(3))
        await trio.sleep(0.03)
        await send.send(some(4))
        await trio.sleep(1)

    assert handed_over(produce) == [(100, 7)]


def test_what_waited_before_counts() -> None:
    async def produce(_: Joiner, send: Send) -> None:
        await send.send(FrameBatch("ws://test", [b"a"], time.time() - 60, 1))
        await trio.sleep(1)
        await send.send(
            FrameBatch("ws://test", [b"a"], time.time() + 60, 1)
        )  # the clock was set back meanwhile
        await trio.sleep(1)

    assert handed_over(produce) == [(0, 1), (1100, 1)]


def test_the_more_come_the_less_they_wait() -> None:
    def at(rate: int) -> list[tuple[int, int]]:
        async def produce(_: Joiner, send: Send) -> None:
            for _number in range(50):
                await send.send(some(rate // 1000))
                await trio.sleep(0.001)

        return handed_over(produce)

    (slow, _), *_ = at(2_000)
    (fast, frames), *_ = at(100_000)
    assert 45 <= slow <= 51  # sqrt(WAITED / rate)
    assert 6 <= fast <= 8
    assert frames * fast / 1000 >= WAITED


def test_a_batch_beside_another_is_larger_or_waits() -> None:
    async def produce(_: Joiner, send: Send) -> None:
        for _number in range(GROWTH + 2):
            await send.send(some(500))
            await trio.sleep(0.01)
        await trio.sleep(1)

    (when, frames), *rest = handed_over(produce, under_way=(500,))
    assert (when, frames) == (10 * (GROWTH - 1), GROWTH * 500)
    assert rest == [(10 * GROWTH + 100, 1_000)]


def test_the_third_waits_until_it_is_full_or_one_of_the_others_is_durable() -> None:
    async def produce(joiner: Joiner, send: Send) -> None:
        for _ in range(5):
            await send.send(some(10_000))
            await trio.sleep(0.01)
        await trio.sleep(5)
        joiner.ended()
        await trio.sleep(5)

    assert AHEAD == 2
    assert handed_over(produce, under_way=(EVENTS, EVENTS)) == [(20, 30_000), (5050, 20_000)]


def test_bytes_fill_a_batch_too() -> None:
    async def produce(_: Joiner, send: Send) -> None:
        await send.send(some(3, size=SIZE // 2))
        await trio.sleep(1)

    assert handed_over(produce, under_way=(EVENTS, EVENTS)) == [(0, 3)]


def test_connections_are_never_mixed_and_the_end_hands_over_the_rest() -> None:
    async def produce(_: Joiner, send: Send) -> None:
        await send.send(some(1))
        await send.send(some(2, connection=2))
        await send.send(some(3, connection=2))

    assert handed_over(produce, under_way=(EVENTS, EVENTS)) == [(0, 1), (0, 5)]


def test_it_catches_up_while_a_batch_that_is_more_than_half_full_is_under_way() -> None:
    joiner = Joiner(events=EVENTS, size=SIZE, seconds=SECONDS)
    seen = [joiner.is_catching_up]
    for frames, size in ((EVENTS // 2, SIZE // 2), (EVENTS // 2 + 1, 0), (1, SIZE // 2 + 1), (1, 1)):
        joiner.begun(frames, size)
        seen.append(joiner.is_catching_up)
    assert seen == [False, False, True, True, True]
    seen.clear()
    while not joiner.is_idle:
        joiner.ended()
        seen.append(joiner.is_catching_up)
    assert seen == [True, True, False, False]
