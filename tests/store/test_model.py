"""The database equals the model after any stream, however it is cut into batches; replays change nothing."""

from __future__ import annotations

import random
from typing import Any

import pytest

from indexer._fastpath.syntax import parse_datetime
from indexer.simulation.dagcbor import encode
from tests.store.dump import dump
from tests.store.model import (
    BLOCK,
    FOLLOW,
    LIKE,
    LIST_BLOCK,
    LIST_ITEM,
    POST,
    PROFILE,
    REPOST,
    VERIFICATION,
    Model,
    Stored,
    author_of,
)
from tests.store.pipeline import Pipeline
from tests.store.streams import Event, Stream

pytestmark = pytest.mark.anyio

STATUSES = {None: 0, "deactivated": 1, "deleted": 2, "takendown": 3, "suspended": 4}
ALL_OWN = (LIKE, REPOST, FOLLOW, BLOCK, POST, PROFILE)


def expected(model: Model) -> dict[str, Any]:
    """The model as tests.store.dump shows a database."""
    tables: dict[str, Any] = {"post": {}, "duplicate": {}, "record": {}, "profile": {}}
    for name in ("like", "repost", "follow", "block", "list_item", "list_block", "verification"):
        tables[name] = {}
    for uri, stored in model.records.items():
        _place(tables, model, uri, uri.split("/")[3], stored)
    tables["post_count"] = model.post_counts()
    tables["actor_count"] = model.actor_counts()
    tables["notification"] = sorted(
        (n.recipient, n.author, n.reason, n.record, n.subject or "", n.sort_at) for n in model.notifications
    )
    tables["status"] = {did: (STATUSES[status], at) for did, (status, at) in model.status.items()}
    return tables


def _place(tables: dict[str, Any], model: Model, uri: str, collection: str, stored: Stored) -> None:
    record, at, created = stored.record, stored.indexed_at, parse_datetime(stored.record["createdAt"])
    data = encode(record)
    if collection == POST:
        tables["post"][uri] = (
            stored.cid, model.parent_of(uri), model.root_of(uri), model.quote_of(record), model.flags[uri],
            min(created, at), at, data,
        )  # fmt: skip
        return
    if collection == PROFILE:
        pack = record.get("joinedViaStarterPack", {}).get("uri")
        tables["profile"][author_of(uri)] = (stored.cid, created, at, pack, data)
        return
    if collection not in ALL_OWN:
        tables["record"][uri] = (stored.cid, created, at, data)
    key = model.key_of(uri, collection, record)
    if key is None:
        return
    wins = model.first[key] == uri
    if collection in ALL_OWN:
        row = (key[2], stored.cid, created, at)
        if wins:
            tables[collection.split(".")[-1]][uri] = (
                *row,
                False if collection == BLOCK else model.quiet[uri],
            )
        else:
            tables["duplicate"][uri] = row
    elif not wins:
        tables["duplicate"][uri] = (created, at)
    elif collection == LIST_ITEM:
        tables["list_item"][uri] = (record["list"], record["subject"], created, at)
    elif collection == LIST_BLOCK:
        tables["list_block"][uri] = (record["subject"], created, at)
    else:
        assert collection == VERIFICATION
        tables["verification"][uri] = (
            record["subject"],
            record["handle"],
            record["displayName"],
            created,
            at,
        )


def assert_equal(found: dict[str, Any], wanted: dict[str, Any]) -> None:
    """Compare table by table, naming the first that differs."""
    for name, table in wanted.items():
        if isinstance(table, dict):
            extra = {key: value for key, value in found[name].items() if table.get(key) != value}
            missing = {key: value for key, value in table.items() if found[name].get(key) != value}
            assert (name, extra, missing) == (name, {}, {})
        else:
            extra_rows = [row for row in found[name] if row not in table]
            missing_rows = [row for row in table if row not in found[name]]
            assert (name, extra_rows, missing_rows) == (name, [], [])
            assert found[name] == table, name


async def run(url: str, events: list[Event], sizes: random.Random, largest: int) -> dict[str, Any]:
    """Apply the events in batches of random size and return the tables."""
    async with Pipeline(url) as pipeline:
        at = 0
        while at < len(events):
            size = sizes.randrange(1, largest + 1)
            await pipeline.write([event.frame for event in events[at : at + size]])
            at += size
        return await dump(pipeline.connection)


@pytest.mark.parametrize(
    ("seed", "count", "largest"), [(0, 60, 1), (1, 250, 12), (2, 250, 40), (3, 400, 400)]
)
async def test_database_equals_model(postgres_url: str, seed: int, count: int, largest: int) -> None:
    events = Stream(seed, events=count).shuffled()
    model = Model()
    for event in events:
        event.apply(model)
    found = await run(postgres_url, events, random.Random(seed), largest)
    assert_equal(found, expected(model))
