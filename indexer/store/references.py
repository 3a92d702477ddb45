"""Looks up the ids behind the DIDs and AT-URIs that stand in records (see records/references.py). Reads only."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import asyncpg

from indexer.records.references import References, gather
from indexer.store.sql import load


async def read_references(connection: asyncpg.Connection[Any], records: Iterable[object]) -> References:
    """Return the ids of everything that the decoded `records` refer to, as far as it has ids."""
    dids, paths = gather(records)
    actors = dict(await connection.fetch(load("actor_ids"), dids)) if dids else {}
    keys = dict(await connection.fetch(load("rare_key_find"), paths)) if paths else {}
    return References(actors, keys)
