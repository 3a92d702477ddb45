"""Proves that every aggregate equals the rows that it sums, and mends what does not (rule 3).

The audit reads one snapshot, so it may run beside the writer. The repair keeps the writer waiting while it counts.
What is checked
beside counts: likes and reposts that lean on their post's CID, and duplicates, which a record must stand before.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import asyncpg

from indexer._fastpath.tid import to_text
from indexer.records.collections import NSIDS
from indexer.store.pool import READER_SETTINGS, connect, store_errors
from indexer.store.sql import load

_SETTINGS = {
    **READER_SETTINGS,
    "application_name": "indexer audit",
    "statement_timeout": "0",
    "work_mem": "256MB",
}
_POST_COUNTS = ("likes", "reposts", "replies", "quotes")
_ACTOR_COUNTS = ("followers", "follows", "posts")


class Difference(NamedTuple):
    """One value that is not what it should be: of whom (DID or AT-URI), which, as stored, as counted."""

    subject: str
    what: str
    stored: int | str
    counted: int | str


async def audit(url: str) -> list[Difference]:
    """Compare everything stored that could be computed; return the differences (none, if all is well).

    Raises StoreError if the database cannot be read.
    """
    connection = await connect(url, settings=_SETTINGS)
    try:
        with store_errors("cannot audit"):
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                return [
                    *_post_differences(await connection.fetch(load("audit_post_counts"))),
                    *_actor_differences(await connection.fetch(load("audit_actor_counts"))),
                    *await _other_differences(connection),
                ]
    finally:
        await connection.close()


async def repair(url: str) -> list[Difference]:
    """Set every count to the number of its rows; return what was mended.

    Raises StoreError if the database cannot be written.
    """
    connection = await connect(url, settings=_SETTINGS)
    try:
        with store_errors("cannot repair"):
            async with connection.transaction():
                await connection.execute(load("repair_lock"))
                posts = await connection.fetch(load("audit_post_counts"))
                actors = await connection.fetch(load("audit_actor_counts"))
                for rows, statement, keys in (
                    (posts, "repair_post_counts", ("key", "actor")),
                    (actors, "repair_actor_counts", ("actor",)),
                ):
                    if rows:
                        columns = [[row[key] for row in rows] for key in keys]
                        columns += [
                            list(column) for column in zip(*(row["counted"] for row in rows), strict=True)
                        ]
                        await connection.execute(load(statement), *columns)
                return [*_post_differences(posts), *_actor_differences(actors)]
    finally:
        await connection.close()


def _post_differences(rows: list[Any]) -> list[Difference]:
    return [
        Difference(_uri(5, row["key"], row["did"], row["path"]), name, stored, counted)
        for row in rows
        for name, stored, counted in zip(_POST_COUNTS, row["stored"], row["counted"], strict=True)
        if stored != counted
    ]


def _actor_differences(rows: list[Any]) -> list[Difference]:
    return [
        Difference(row["did"], name, stored, counted)
        for row in rows
        for name, stored, counted in zip(_ACTOR_COUNTS, row["stored"], row["counted"], strict=True)
        if stored != counted
    ]


async def _other_differences(connection: asyncpg.Connection[Any]) -> list[Difference]:
    found = []
    for kind, table in ((1, "like"), (2, "repost")):
        for row in await connection.fetch(load(f"audit_{table}_cids")):
            stored, counted = ("none", "that of the subject") if row["lost"] else ("a copy", "none")
            found.append(Difference(_uri(kind, row["key"], row["did"], None), "subject_cid", stored, counted))
    for row in await connection.fetch(load("audit_duplicates")):
        uri = _uri(row["kind"], row["key"], row["did"], None)
        found.append(Difference(uri, "duplicate", "waits", "is the only one"))
    return found


def _uri(kind: int, key: int, did: str, path: str | None) -> str:
    return f"at://{did}/{path or f'{NSIDS[kind]}/{to_text(key) if key > 0 else key}'}"
