"""Home timelines as the cache keeps them: keys only, newest first, complete down to a floor.

Owns how far back is looked. Refuses to know what of it is shown to whom: that is settled when the timeline is read.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import asyncpg

from indexer.store.pool import store_errors
from indexer.store.sql import load

_DAY = 86_400_000
_WINDOWS = (3 * _DAY, 60 * _DAY)
"""How far back is looked first: for most viewers one of these windows is enough."""


class HomeItem(NamedTuple):
    """A post, or a repost by `actor`, in a home timeline; sort_at in ms."""

    key: int
    actor: int
    is_repost: bool
    sort_at: int


class HomeTimeline(NamedTuple):
    """The newest items of a home timeline; nothing at or above `floor` (ms) is missing. 0: there is nothing older."""

    items: list[HomeItem]
    floor: int


async def follows(pool: asyncpg.Pool[Any], viewer: int) -> list[int]:
    """The ids of the accounts that `viewer` follows. Raises StoreError."""
    with store_errors("cannot read follows"):
        return [row[0] for row in await pool.fetch(load("home_follows"), viewer)]


async def home_timeline(pool: asyncpg.Pool[Any], viewer: int, count: int, now: int) -> HomeTimeline:
    """The newest `count` items of a viewer's home timeline; `now` in ms. Raises StoreError."""
    with store_errors("cannot read a home timeline"):
        for window in _WINDOWS:
            items = await _items(pool, viewer, now - window, count)
            if len(items) == count:
                break
        else:
            items = await _items(pool, viewer, 0, count)
        # items of the oldest instant may have been cut off
        return HomeTimeline(items, items[-1].sort_at + 1 if len(items) == count else 0)


async def _items(pool: asyncpg.Pool[Any], viewer: int, floor: int, count: int) -> list[HomeItem]:
    return [HomeItem(*row) for row in await pool.fetch(load("home_items"), viewer, floor, count)]
