"""When the client tries again: back-off, watchdog and stability by a clock of the test's own, without a socket."""

from __future__ import annotations

import math
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest
import trio
from trio.testing import MockClock, memory_stream_pair

from indexer.errors import ConnectionLost
from indexer.firehose import FirehoseOptions, Follower, FrameBatch, Upstream
from tests.firehose.hostile import Peer, Script

UPSTREAM = Upstream("ws", "upstream.test", 80)
MESSAGE = b"\xa2atg#commitbop\x01"


class Ceiling(random.Random):
    """Draws the upper end of every range, and remembers the ranges."""

    def __init__(self) -> None:
        super().__init__()
        self.ranges: list[tuple[float, float]] = []

    def uniform(self, a: float, b: float) -> float:
        self.ranges.append((a, b))
        return b


class Network:
    """Connects to `script` without sockets; attempts are noted with Trio's time."""

    def __init__(self, nursery: trio.Nursery, script: Script | None) -> None:
        self._nursery = nursery
        self._script = script
        self.attempts: list[float] = []

    async def connect(self, upstream: Upstream, options: FirehoseOptions) -> trio.abc.Stream:
        assert upstream == UPSTREAM
        self.attempts.append(trio.current_time())
        if self._script is None:
            raise ConnectionLost("no route")
        ours, theirs = memory_stream_pair()
        self._nursery.start_soon(self._serve, Peer(theirs, len(self.attempts)))
        return ours

    async def _serve(self, peer: Peer) -> None:
        assert self._script is not None
        try:
            async with peer.stream:
                await peer.read_request()
                await self._script(peer)
        except (trio.BrokenResourceError, trio.ClosedResourceError, trio.EndOfChannel):
            return


@pytest.fixture(params=[True, False], ids=["fast", "plain"])
def options(request: pytest.FixtureRequest) -> FirehoseOptions:
    return FirehoseOptions(fast_path=request.param, backoff_base=0.5, backoff_max=60.0, data_timeout=30.0)


@asynccontextmanager
async def following(
    options: FirehoseOptions, script: Script | None, rng: random.Random
) -> AsyncIterator[tuple[Follower, Network, trio.MemoryReceiveChannel[FrameBatch]]]:
    send, receive = trio.open_memory_channel[FrameBatch](math.inf)
    async with trio.open_nursery() as nursery, receive:
        network = Network(nursery, script)
        follower = Follower(UPSTREAM, lambda: None, send, options, connect=network.connect, rng=rng)
        nursery.start_soon(follower.run)
        yield follower, network, receive
        nursery.cancel_scope.cancel()


def run(main: object) -> None:
    trio.run(main, clock=MockClock(autojump_threshold=0))  # type: ignore[arg-type]


def test_waits_double_up_to_their_maximum_and_start_at_zero(options: FirehoseOptions) -> None:
    async def main() -> None:
        rng = Ceiling()
        async with following(options, None, rng) as (follower, network, _):
            await trio.sleep(400)
            assert follower.status.failures == len(network.attempts)
            assert follower.status.last_error == "no route"
        waits = [round(b - a, 3) for a, b in pairwise(network.attempts)]
        assert waits[:9] == [0.5, 1, 2, 4, 8, 16, 32, 60, 60]
        assert all(low == 0.0 for low, _ in rng.ranges)

    run(main)


def test_waits_are_drawn_at_random(options: FirehoseOptions) -> None:
    async def main() -> None:
        async with following(options, None, random.Random(7)) as (_, network, _):
            await trio.sleep(2000)
        waits = [b - a for a, b in pairwise(network.attempts)][10:]
        assert len(set(waits)) == len(waits) > 20
        assert 20 < sum(waits) / len(waits) < 40
        assert max(waits) <= 60

    run(main)


def test_a_stable_connection_starts_the_back_off_anew(options: FirehoseOptions) -> None:
    async def script(peer: Peer) -> None:
        if peer.ordinal < 5 or peer.ordinal > 6:
            return
        await peer.accept()
        await peer.send(MESSAGE)
        await trio.sleep(9.9 if peer.ordinal == 5 else 10.1)

    async def main() -> None:
        rng = Ceiling()
        async with following(options, script, rng):
            await trio.sleep(45)
        assert [high for _, high in rng.ranges][:8] == [0.5, 1, 2, 4, 8, 0.5, 1, 2]

    run(main)


def test_the_watchdog_waits_for_data_only_while_it_is_waited_for(options: FirehoseOptions) -> None:
    async def script(peer: Peer) -> None:
        await peer.accept()
        await trio.sleep(29)
        await peer.send(MESSAGE)
        await trio.sleep_forever()

    async def main() -> None:
        async with following(options, script, Ceiling()) as (follower, network, _):
            await trio.sleep(58)
            assert len(network.attempts) == 1
            assert follower.status.last_error is None
            # The silence is over at 59 s, the closing handshake that nobody answers a second later.
            await trio.sleep(2.2)
            assert follower.status.last_error == "ws://upstream.test: no data for 30 s"

    run(main)


def test_no_watchdog_no_reconnecting() -> None:
    async def script(peer: Peer) -> None:
        await peer.accept()
        await trio.sleep_forever()

    async def main() -> None:
        async with following(FirehoseOptions(data_timeout=0), script, Ceiling()) as (follower, network, _):
            await trio.sleep(86_000)
            assert follower.status.connected
            assert len(network.attempts) == 1

    run(main)


def test_a_batch_waits_a_few_milliseconds_for_more(options: FirehoseOptions) -> None:
    async def script(peer: Peer) -> None:
        await peer.accept()
        for _ in range(20):
            await peer.send(MESSAGE)
            await trio.sleep(0.001)
        await trio.sleep_forever()

    async def main() -> None:
        async with following(options, script, Ceiling()) as (follower, _, receive):
            await trio.sleep(1)
            assert follower.status.frames == 20
            assert 5 <= follower.status.batches <= 7
            assert receive.statistics().current_buffer_used == follower.status.batches

    run(main)


def test_ends_when_the_receiver_is_gone(options: FirehoseOptions) -> None:
    async def script(peer: Peer) -> None:
        await peer.accept()
        await peer.send(MESSAGE)
        await trio.sleep_forever()

    async def main() -> None:
        send, receive = trio.open_memory_channel[FrameBatch](0)
        receive.close()
        async with trio.open_nursery() as nursery:
            network = Network(nursery, script)
            await Follower(UPSTREAM, lambda: None, send, options, connect=network.connect).run()
            nursery.cancel_scope.cancel()

    run(main)
