"""Simulated networks that run: the small one of `indexer demo`, a big one under load, a recorded one.

Owns the pace of live traffic. Each function serves until it is cancelled.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import trio

from .clock import DEFAULT_START_US, wall_clock_us
from .files import read_documents
from .hosts import DocumentsHost, NetworkHost
from .network import Network
from .server import serve
from .stream import FileStream, LiveStream

BACKLOG_SPAN_US = 36 * 3600 * 1_000_000
TICK_SECONDS = 0.02
FULL_SPEED_FRAMES = 512


class RunningNetwork:
    """A network and where it is served."""

    def __init__(self, network: Network, port: int) -> None:
        self.network = network
        self.port = port

    @property
    def url(self) -> str:
        """PDS, PLC directory and handle resolver."""
        return f"http://localhost:{self.port}"

    @property
    def firehose_url(self) -> str:
        """The same server for those who subscribe."""
        return f"ws://localhost:{self.port}"


async def run_demo_network(
    seed: int = 1,
    accounts: int = 300,
    rate: float | None = 30.0,
    port: int = 0,
    *,
    backlog: int = 4000,
    bind: str = "127.0.0.1",
    now: Callable[[], int] = wall_clock_us,
    task_status: trio.TaskStatus[RunningNetwork] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve a small network: first its history (accounts, profiles, follows, posts, and `backlog` mixed events, spread
    over the last day and a half), then live traffic of `rate` events a second; None is full speed, as fast as the
    subscribers read.

    Start it with `nursery.start`: it gives a RunningNetwork once it is served and the history is there. Sequence
    numbers begin at the milliseconds since 2026, so that they never fall behind those of an earlier run.
    """
    began = now()
    follows, posts = min(15, accounts // 4), 4
    events = accounts * (4 + follows + posts) + backlog
    network = Network(seed, accounts, start_us=began - BACKLOG_SPAN_US)
    network.clock.step_us = BACKLOG_SPAN_US // events
    network.clock.seq = (began - DEFAULT_START_US) // 1000
    stream = LiveStream()
    async with trio.open_nursery() as nursery:
        bound = await nursery.start(serve, NetworkHost(network), stream, port, bind)
        for frame in network.opening(follows, posts):
            stream.append(frame)
        await trio.lowlevel.checkpoint()
        for frame in network.frames(backlog):
            stream.append(frame)
        network.clock.now = now
        task_status.started(RunningNetwork(network, bound))
        await produce(network, stream, rate)


async def produce(network: Network, stream: LiveStream, rate: float | None) -> None:
    """Put the network's events into the stream, for ever: so many a second, or as the subscribers read."""
    began, made = trio.current_time(), 0
    while True:
        if rate is None:
            await stream.until_wanted()
            due = made + FULL_SPEED_FRAMES
            await trio.lowlevel.checkpoint()
        else:
            await trio.sleep(TICK_SECONDS)
            due = int((trio.current_time() - began) * rate)
        for frame in network.frames(due - made):
            stream.append(frame)
        made = due


async def run_live_network(
    seed: int = 1,
    accounts: int = 100_000,
    rate: float | None = None,
    port: int = 0,
    *,
    bind: str = "127.0.0.1",
    now: Callable[[], int] = wall_clock_us,
    task_status: trio.TaskStatus[RunningNetwork] = trio.TASK_STATUS_IGNORED,
) -> None:
    """As `run_demo_network`, but without a history: the accounts appear as they begin to act."""
    network = Network(seed, accounts, start_us=now(), now=now)
    network.clock.seq = (network.clock.instant_us - DEFAULT_START_US) // 1000
    stream = LiveStream()
    async with trio.open_nursery() as nursery:
        bound = await nursery.start(serve, NetworkHost(network), stream, port, bind)
        task_status.started(RunningNetwork(network, bound))
        await produce(network, stream, rate)


async def serve_file(
    path: Path,
    documents: Path | None = None,
    port: int = 0,
    *,
    bind: str = "127.0.0.1",
    rate: float | None = None,
    close_at_end: bool = False,
    task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve a frames file as a firehose, with the DID documents of its accounts; the task starts with the port."""
    host = DocumentsHost({} if documents is None else read_documents(documents))
    await serve(host, FileStream(path, rate, close_at_end), port, bind, task_status=task_status)
