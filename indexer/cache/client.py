"""The connection to Redis or Valkey, and the switch that leaves it alone while it does not answer.

Owns time limits and the decision "down for now"; every failure becomes CacheError, so that callers know one thing to
catch and go on without the cache.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from importlib.resources import files

import redis.asyncio
from redis.asyncio.client import Pipeline
from redis.commands.core import AsyncScript
from redis.exceptions import RedisError

from indexer.errors import CacheError

RETRY_SECONDS = 1.0
"""How long nothing is asked of a server that has just failed."""


def is_ending() -> bool:
    """Whether the running task was cancelled: its CancelledError may have been lost on the way.

    The client waits with `asyncio.wait_for`, which before Python 3.12 loses one that comes as it ends.
    """
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def bulk(value: bytes) -> bytes:
    """A command's argument as it is sent (RESP)."""
    return b"$%d\r\n%b\r\n" % (len(value), value)


class CacheClient:
    """A Redis client whose failures are CacheError, and which fails at once for RETRY_SECONDS after a failure.

    `timeout` is the time limit of one round trip, in seconds. Use from one asyncio loop only.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout: float = 0.25,
        max_connections: int = 64,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._redis = redis.asyncio.Redis.from_url(
            url,
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
            max_connections=max_connections,
            retry=None,
        )
        self._clock = clock
        self._down_until = 0.0
        self.failures = 0
        self.last_error: str | None = None

    @property
    def is_down(self) -> bool:
        """Whether the server failed within the last RETRY_SECONDS."""
        return self._clock() < self._down_until

    @asynccontextmanager
    async def pipeline(self) -> AsyncIterator[Pipeline]:
        """A pipeline without a transaction; the caller executes it inside the block. Raises CacheError."""
        async with self._guarded(), self._redis.pipeline(transaction=False) as pipeline:
            yield pipeline

    @asynccontextmanager
    async def commands(self) -> AsyncIterator[redis.asyncio.Redis]:
        """The client itself, for single commands inside the block. Raises CacheError."""
        async with self._guarded():
            yield self._redis

    async def send(self, commands: Sequence[bytes]) -> None:
        """Send commands that are encoded already, in one round trip; their answers are only looked at for errors.

        Raises CacheError.
        """
        async with self._guarded():
            pool = self._redis.connection_pool
            connection = await pool.get_connection()  # type: ignore[no-untyped-call]
            try:
                await connection.send_packed_command(commands)
                for _ in commands:
                    await connection.read_response()
            except BaseException:
                await connection.disconnect(nowait=True)  # answers that were not read belong to nobody
                raise
            finally:
                await pool.release(connection)

    def script(self, name: str) -> AsyncScript:
        """The Lua script `scripts/NAME.lua`."""
        return self._redis.register_script(self.text(name))

    @staticmethod
    def text(name: str) -> str:
        """The text of the Lua script `scripts/NAME.lua`, for EVAL in a pipeline."""
        return files("indexer.cache").joinpath("scripts", f"{name}.lua").read_text()

    async def close(self) -> None:
        await self._redis.aclose()

    @asynccontextmanager
    async def _guarded(self) -> AsyncIterator[None]:
        if self.is_down:
            raise CacheError(f"Redis is left alone for a moment after: {self.last_error}")
        try:
            yield
        except (RedisError, OSError, TimeoutError) as error:
            self._down_until = self._clock() + RETRY_SECONDS
            self.failures += 1
            self.last_error = f"{type(error).__name__}: {error}"
            raise CacheError(f"Redis did not answer: {self.last_error}") from error
