"""A worker's connections to Postgres, with its questions loaded from the .sql files beside this module.

Owns the pool and the count of questions asked (so that a test can prove that a page costs the same number of them
whatever its size). Refuses to know what any question means.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, TypeAlias, TypeVar, cast

import asyncpg

from indexer.errors import StoreError
from indexer.store.intern import Interner

Row: TypeAlias = asyncpg.Record
Connection: TypeAlias = "asyncpg.pool.PoolConnectionProxy[Row]"

T = TypeVar("T")

_LOST = (OSError, TimeoutError, asyncpg.InterfaceError, asyncpg.PostgresConnectionError)

#: When set, counts the statements that the current request asked, by name. Tests hang a Counter here.
asked: ContextVar[Counter[str] | None] = ContextVar("asked", default=None)


@cache
def statements() -> Mapping[str, str]:
    """Every .sql file of this package: name without suffix -> text."""
    found = {}
    for entry in files(__package__).iterdir():
        if entry.name.endswith(".sql"):
            found[entry.name.removesuffix(".sql")] = entry.read_text()
    return MappingProxyType(found)


# Every question is a handful of index probes. Planned once and for all, it never meets a plan that stale statistics or
# a large array make look cheaper, and planning (a millisecond for the larger ones) is not paid per request.
_SETTINGS = {
    "application_name": "indexer api",
    "plan_cache_mode": "force_generic_plan",
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
}


async def _keep_as_it_is(connection: object) -> None:
    """Given back to the pool, a connection needs no reset (a round trip): no statement changes its session."""


class Database:
    """The pool of one API worker. Every method raises StoreError when Postgres cannot be reached."""

    def __init__(self, pool: asyncpg.Pool[Row], connections: int) -> None:
        """`connections`: the pool's most."""
        self._pool = pool
        self._statements = statements()
        self._free = asyncio.Semaphore(connections)
        self._idle: list[Connection] = []

    @classmethod
    async def connect(cls, url: str, *, connections: int = 8, timeout: float = 30.0) -> Database:
        """Open a pool to `url` (a postgresql:// URL); `timeout` in seconds bounds every question."""
        try:
            pool = await asyncpg.create_pool(
                url,
                min_size=1,
                max_size=connections,
                command_timeout=timeout,
                # Every question here is a handful of index probes: a parallel or hash plan chosen from stale
                # statistics is the only way for one to become slow, and JIT never pays for itself.
                server_settings=_SETTINGS,
                reset=_keep_as_it_is,
            )
        except (OSError, asyncpg.PostgresError, TimeoutError) as error:
            raise StoreError(f"Postgres cannot be reached for reading: {error}") from error
        return cls(pool, connections)

    async def close(self) -> None:
        while self._idle:
            await self._pool.release(self._idle.pop())
        await self._pool.close()

    async def _with_connection(self, ask: Callable[[Connection], Awaitable[T]]) -> T:
        """What `ask` gives of a connection, which goes from one question to the other.

        It is given back to the pool only where something went wrong (the pool then finds out whether it can be used
        again): passing through the pool costs the client as much as the question itself, and a context manager of ours
        a tenth of it.
        """
        async with self._free:
            connection = None
            while self._idle and connection is None:
                connection = self._idle.pop()
                if connection.is_closed():
                    await self._pool.release(connection)
                    connection = None
            if connection is None:
                connection = await self._pool.acquire()
            try:
                found = await ask(connection)
            except BaseException:
                await self._pool.release(connection)
                raise
            self._idle.append(connection)
            return found

    async def rows(self, name: str, *arguments: Any) -> list[Row]:
        """Every row that the statement `name` (a .sql file's name) gives for these arguments."""
        counter = asked.get()
        if counter is not None:
            counter[name] += 1
        try:
            statement = self._statements[name]
            return await self._with_connection(lambda connection: connection.fetch(statement, *arguments))
        except _LOST as error:
            raise StoreError(f"Postgres could not answer {name}: {error!r}") from error

    async def row(self, name: str, *arguments: Any) -> Row | None:
        """The first row of `name`, or None."""
        rows = await self.rows(name, *arguments)
        return rows[0] if rows else None

    async def create_ids(self, dids: list[str], paths: list[str]) -> tuple[dict[str, int], dict[str, int]]:
        """Ids for DIDs and `collection/rkey`s that the store may not have heard of yet: a client told us of them."""

        async def create(connection: Connection) -> tuple[dict[str, int], dict[str, int]]:
            interner = Interner(cast("asyncpg.Connection[Any]", connection))
            actors = {known.did: known.id for known in await interner.actors(dids)}
            return actors, await interner.paths(paths)

        try:
            return await self._with_connection(create)
        except _LOST as error:
            raise StoreError(f"Postgres could not give out ids: {error!r}") from error

    async def execute(self, name: str, *arguments: Any) -> None:
        """Run a statement of private state (mutes, bookmarks, ...) that gives no rows."""
        await self.rows(name, *arguments)
