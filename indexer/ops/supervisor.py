"""Keeps a daemon's processes running: starts them, says when they serve, starts them again when they die, drains them.

A process that ends with one of its `fatal` exit codes ends them all: another attempt would not help. Knows nothing
about what the processes do.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

import structlog
import trio

from indexer.ops.launch import launch_command

_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 30.0
_CALM_SECONDS = 60.0
_DRAIN_SECONDS = 60.0

_log = structlog.get_logger("indexer.supervisor")


@dataclass(frozen=True)
class Worker:
    """A process to keep running. `is_ready` is asked until it says yes; `fatal` are exit codes that end the daemon."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    is_ready: Callable[[], Awaitable[bool]]
    fatal: frozenset[int] = frozenset()


@dataclass
class _State:
    first: frozenset[str]
    code: int = 0
    stopping: trio.Event = field(default_factory=trio.Event)
    ended: trio.Condition = field(default_factory=trio.Condition)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)


async def supervise(
    workers: Sequence[Worker],
    *,
    first: Sequence[Worker] = (),
    on_ready: Callable[[], Awaitable[None]],
    check: Callable[[], None] = lambda: None,
) -> int:
    """Run the workers until SIGTERM, SIGINT or a fatal end; returns the exit code.

    The workers start together, once those in `first` are ready; `on_ready` is called when all are. `check` is called
    every second and raises to end everything. A first signal drains them, last those in `first`; a second one kills.
    The code is 0 where they drained, 128 and the signal's number where they were killed, else the fatal worker's.
    """
    state = _State(frozenset(worker.name for worker in first))
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        try:
            async with trio.open_nursery() as nursery:

                async def listen() -> None:
                    async for received in signals:
                        if state.stopping.is_set():
                            _log.warning("asked again: killing what still runs")
                            state.code = 128 + received
                            nursery.cancel_scope.cancel()
                            return
                        nursery.start_soon(_stop, state, nursery)

                async def watch() -> None:
                    while True:
                        check()
                        await trio.sleep(1)

                nursery.start_soon(listen)
                nursery.start_soon(watch)
                nursery.start_soon(_start_all, (first, workers), state, nursery, on_ready)
        finally:
            with trio.CancelScope(shield=True):
                for process in state.processes.values():
                    _end_group(process)
                    await trio.to_thread.run_sync(process.wait)
    return state.code


async def _start_all(
    groups: Sequence[Sequence[Worker]],
    state: _State,
    nursery: trio.Nursery,
    on_ready: Callable[[], Awaitable[None]],
) -> None:
    for group in groups:
        async with trio.open_nursery() as waiting:
            for worker in group:
                nursery.start_soon(_keep_running, worker, state, nursery)
                waiting.start_soon(_until_ready, worker)
    await on_ready()


async def _until_ready(worker: Worker) -> None:
    while not await worker.is_ready():  # noqa: ASYNC110 (another process: there is no event to wait for)
        await trio.sleep(0.05)
    _log.debug("ready", worker=worker.name)


async def _keep_running(worker: Worker, state: _State, nursery: trio.Nursery) -> None:
    pause = _FIRST_PAUSE
    while not state.stopping.is_set():
        began = trio.current_time()
        # Not trio's open_process: it forks in a helper thread, with whose end the kernel would signal the worker.
        process = subprocess.Popen(  # noqa: ASYNC220
            launch_command(list(worker.command), signal.SIGTERM),
            env=worker.environment,
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,  # our stdout is for what the operator asked for
            start_new_session=True,  # Ctrl-C is for the supervisor, which then drains the workers
        )
        state.processes[worker.name] = process
        _log.debug("started", worker=worker.name, pid=process.pid)
        code = await trio.to_thread.run_sync(process.wait, abandon_on_cancel=True)
        _end_group(process)
        del state.processes[worker.name]
        async with state.ended:
            state.ended.notify_all()
        if state.stopping.is_set():
            return
        if code in worker.fatal:
            _log.critical("worker ended for good, stopping", worker=worker.name, exit_code=code)
            state.code = code
            nursery.start_soon(_stop, state, nursery)
            return
        if trio.current_time() - began > _CALM_SECONDS:
            pause = _FIRST_PAUSE
        _log.error("worker ended, starting it again", worker=worker.name, exit_code=code, pause_seconds=pause)
        await trio.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)


async def _stop(state: _State, nursery: trio.Nursery) -> None:
    """Drain: SIGTERM to the workers, then to those that they relied on; end the rest by cancelling the nursery."""
    state.stopping.set()
    with trio.move_on_after(_DRAIN_SECONDS) as scope:
        for relied_on in (False, True):
            for name, process in state.processes.items():
                if (name in state.first) == relied_on:
                    process.terminate()
            async with state.ended:
                while any((name in state.first) == relied_on for name in state.processes):
                    await state.ended.wait()
    if scope.cancelled_caught:
        _log.error("workers did not drain in time, killing them", workers=sorted(state.processes))
    nursery.cancel_scope.cancel()


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """Kill the process and those that it started: a killed worker's own workers would go on with its sockets."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
