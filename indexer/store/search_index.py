"""Keeps the tables that posts and accounts are searched in: behind the stream, from what batches leave in a queue.

A queue row only says what has changed; what is written is what the post or account is when the row is taken. Doing it
twice or late is harmless, and a crash loses nothing: the row is taken in the transaction that does its work. One
session at a time works (an advisory lock); it never waits for the writer's locks, nor the writer for its.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import asyncpg

from indexer._fastpath import cbor
from indexer.records.compression import original
from indexer.records.words import account_names, as_tsvector, post_words
from indexer.store.pool import connect, store_errors
from indexer.store.sql import load

_SLICE = 200
"""Posts whose words are found in one go; between them others have their turn on the loop."""

_SWEPT = 2_000
_REFRESHED = 2_000

_FIRST_KEY = -(2**63)


class SearchIndex:
    """The tables' keeper, over one connection of its own. Every method raises StoreError while it cannot be used."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: asyncpg.Connection[Any] | None = None
        self._refreshed_to = 0

    async def close(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
        self._connection = None

    async def step(self) -> int:
        """Do the next piece of what waits; returns how many posts and accounts it was, 0 where nothing waits."""
        with store_errors("cannot keep the search tables"):
            if self._connection is None or self._connection.is_closed():
                self._connection = await connect(self._url)
            connection = self._connection
            async with connection.transaction():
                if not await connection.fetchval(load("search_lock")):
                    return 0
                taken = await connection.fetchrow(load("search_take"))
                if taken is not None:
                    await self._index_posts(connection, taken["post_keys"], taken["post_actors"])
                    await self._index_accounts(connection, taken["accounts"])
                    return len(taken["post_keys"]) + len(taken["accounts"]) or 1
                return await self._sweep(connection)

    async def refresh_popularity(self) -> None:
        """Bring the popularity of the next few accounts up to date, round and round."""
        with store_errors("cannot keep the search tables"):
            if self._connection is not None and not self._connection.is_closed():
                last = await self._connection.fetchval(
                    load("search_popularity"), self._refreshed_to, _REFRESHED
                )
                self._refreshed_to = last or 0

    async def begin_anew(self) -> int:
        """Have everything gone through once more: nobody has kept the queue. Returns 0."""
        with store_errors("cannot keep the search tables"):
            if self._connection is None or self._connection.is_closed():
                self._connection = await connect(self._url)
            await self._connection.execute(load("search_begin"))
        return 0

    async def _sweep(self, connection: asyncpg.Connection[Any]) -> int:
        """Go through the posts, then the accounts, that were there before the queue."""
        for progress in await connection.fetch(load("search_unfinished")):
            what = progress["what"]
            rows = await connection.fetch(
                load(f"search_sweep_{what}"), progress["key"], progress["actor"], _SWEPT
            )
            keys, actors = [row["key"] for row in rows], [row["actor"] for row in rows]
            if what == "posts":
                await self._index_posts(connection, keys, actors)
            else:
                await self._index_accounts(connection, actors)
            last = (keys[-1], actors[-1]) if rows else (_FIRST_KEY, 0)
            await connection.execute(load("search_swept"), what, *last, not rows)
            if rows:
                return len(rows)
        return 0

    async def _index_posts(
        self, connection: asyncpg.Connection[Any], keys: Sequence[int], actors: Sequence[int]
    ) -> None:
        for start in range(0, len(keys), _SLICE):
            part = slice(start, start + _SLICE)
            rows = await connection.fetch(load("search_posts"), keys[part], actors[part])
            found = [(row["rkey"], row["actor"], row["sort_at"], _words(row)) for row in rows]
            await connection.execute(load("search_posts_delete"), keys[part], actors[part])
            if found:
                await connection.execute(
                    load("search_posts_save"), *(list(c) for c in zip(*found, strict=True))
                )
            await asyncio.sleep(0)

    async def _index_accounts(self, connection: asyncpg.Connection[Any], accounts: Sequence[int]) -> None:
        for start in range(0, len(accounts), _SLICE):
            part = accounts[start : start + _SLICE]
            rows = await connection.fetch(load("search_accounts"), part)
            names = [account_names(row["handle"], _record(row).get("displayName")) for row in rows]
            await connection.execute(load("search_accounts_save"), [row["id"] for row in rows], names)
            await asyncio.sleep(0)


def _record(row: Any) -> dict[str, Any]:
    if row["record"] is None:
        return {}
    value = cbor.decode(original(row["record"]), cbor.TOLERATE_ALL)
    return value if isinstance(value, dict) else {}


def _words(row: Any) -> str:
    return as_tsvector(post_words(_record(row), row["actor"], row["sort_at"]))
