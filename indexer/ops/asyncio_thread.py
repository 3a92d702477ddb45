"""The bridge from Trio to one helper thread that runs an asyncio loop.

asyncpg and redis-py are asyncio libraries. Trio crosses to them once per batch, never per event: a crossing costs
0.2-0.6 ms. Pools, connections and futures never leave the helper thread; only arguments and results cross.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import trio
import uvloop

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

T = TypeVar("T")


class AsyncioThread:
    """Runs coroutine functions on an asyncio loop in a thread of its own, awaited from Trio.

    Made by `asyncio_thread()`. A cancelled `call` cancels the coroutine and waits until it has cleaned up.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, ident: int) -> None:
        self._loop = loop
        self.ident = ident

    async def call(self, function: Callable[..., Awaitable[T]], *args: Any) -> T:
        """Run `function(*args)` on the asyncio loop; give its result or raise its exception here."""
        trio_token = trio.lowlevel.current_trio_token()
        finished = trio.Event()
        tasks: list[asyncio.Task[T]] = []

        async def run() -> T:
            return await function(*args)

        def start() -> None:
            task = self._loop.create_task(run())
            task.add_done_callback(lambda _: trio_token.run_sync_soon(finished.set))
            tasks.append(task)

        self._loop.call_soon_threadsafe(start)
        try:
            await finished.wait()
        except trio.Cancelled:
            self._loop.call_soon_threadsafe(lambda: tasks[0].cancel())
            with trio.CancelScope(shield=True):
                await finished.wait()
            if not tasks[0].cancelled():
                tasks[0].exception()  # it has been seen: asyncio need not log it
            raise
        return tasks[0].result()


@asynccontextmanager
async def asyncio_thread() -> AsyncIterator[AsyncioThread]:
    """An `AsyncioThread` for the time of the block; tasks left on its loop at the end are cancelled."""
    loops: list[asyncio.AbstractEventLoop] = []
    started = threading.Event()

    def run() -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            loop = runner.get_loop()
            loops.append(loop)
            loop.call_soon(started.set)
            loop.run_forever()

    thread = threading.Thread(target=run, name="asyncio", daemon=True)
    thread.start()
    await trio.to_thread.run_sync(started.wait)
    try:
        assert thread.ident is not None
        yield AsyncioThread(loops[0], thread.ident)
    finally:
        loops[0].call_soon_threadsafe(loops[0].stop)
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(thread.join)
