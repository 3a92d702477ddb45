"""What the store holds of whole repositories: their records by CID, and which of them are out of step.

Owns the way back from rows to record paths and CIDs, for comparing with a fetched repository. Refuses to know
how one is fetched (sync/).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import asyncpg

from indexer._fastpath import tid
from indexer._fastpath.cid import CID
from indexer.errors import InvariantBroken
from indexer.records.collections import BLOCK, FOLLOW, LIKE, NSIDS, POST, PROFILE, REPOST, STARTER_PACK
from indexer.records.edges import rebuild_edge
from indexer.store.pool import store_errors
from indexer.store.sql import load
from indexer.sync.backfill import Position

Source: TypeAlias = "asyncpg.Connection[Any] | asyncpg.Pool[Any]"

_VIA = "via_key, via_actor, via_cid"
_NO_VIA = "NULL::bigint AS via_key, NULL::bigint AS via_actor, NULL::bytea AS via_cid"

_EDGES = {
    LIKE: load("repository_subject_edges", edge="like", kind=LIKE),
    REPOST: load("repository_subject_edges", edge="repost", kind=REPOST),
    FOLLOW: load("repository_actor_edges", rows="follows", kind=FOLLOW, via=_VIA),
    BLOCK: load("repository_actor_edges", rows="block", kind=BLOCK, via=_NO_VIA),
}
_VIA_COLLECTION = {LIKE: REPOST, REPOST: REPOST, FOLLOW: STARTER_PACK, BLOCK: STARTER_PACK}
"""Of which collection a via key above 0 is (the batch door's default collections)."""


async def repository_records(source: Source, actor: int) -> dict[str, bytes]:
    """The stored records of an account: "collection/rkey" -> digest of the CID.

    Likes, reposts, follows and blocks are rebuilt from their columns for it, in a thread of their own. Raises
    StoreError if the database cannot be asked.
    """
    with store_errors("cannot read a repository"):
        rows = await source.fetch(
            load("repository_records", post=POST, profile=PROFILE, profile_path=f"{NSIDS[PROFILE]}/self"),
            actor,
        )
        edges = {kind: await source.fetch(statement, actor) for kind, statement in _EDGES.items()}
    return await asyncio.to_thread(_spell, rows, edges)


async def waiting_repositories(source: Source, limit: int) -> list[tuple[str, int]]:
    """Up to `limit` (DID, actor id) of repositories that are not synchronized. Raises StoreError."""
    with store_errors("cannot look for repositories that wait"):
        return [(row[0], row[1]) for row in await source.fetch(load("repository_waiting"), limit)]


async def save_repository_states(source: Source, states: Sequence[tuple[int, int]]) -> None:
    """Store (actor id, repo.state) pairs. Raises StoreError."""
    with store_errors("cannot save the state of a repository"):
        await source.execute(
            load("repo_state_save"), [actor for actor, _ in states], [state for _, state in states]
        )


async def backfill_position(source: Source, host: str) -> Position:
    """How far the import of a host's repositories has come. Raises StoreError."""
    with store_errors("cannot read the place of an import"):
        row = await source.fetchrow(load("backfill_find"), host)
    return Position() if row is None else Position(*row)


async def mark_repositories(
    pool: asyncpg.Pool[Any], host: str, page: Mapping[int, int], position: Position
) -> list[int]:
    """Mark the repositories of a page (actor id -> rev) of which we have nothing or less, and save the place
    of the import with them counted; gives the marked ids. Raises StoreError.
    """
    with store_errors("cannot save the place of an import"):
        async with pool.acquire() as connection, connection.transaction():
            rows = await connection.fetch(load("repository_mark"), list(page), list(page.values()))
            reached = position._replace(marked=position.marked + len(rows))
            await connection.execute(load("backfill_save"), host, *reached)
    return [row[0] for row in rows]


def _spell(rows: Iterable[asyncpg.Record], edges: Mapping[int, Iterable[asyncpg.Record]]) -> dict[str, bytes]:
    found = {_path(kind, key, path): cid for kind, key, path, cid in rows}
    for kind, listed in edges.items():
        for row in listed:
            found[_path(kind, row[0], row[1])] = _edge_digest(kind, row)
    return found


def _path(kind: int, key: int, rare: str | None) -> str:
    """The path of a key whose default collection is that of `kind`; `rare` is the interned path of a key
    below 0.
    """
    if rare is not None:
        return rare
    if key <= 0:
        raise InvariantBroken(f"expected the path of the rare key {key}; rare_key has none")
    return f"{NSIDS[kind]}/{tid.to_text(key)}"


def _edge_digest(kind: int, row: asyncpg.Record) -> bytes:
    (
        _,
        _,
        did,
        subject_key,
        subject_path,
        created_at,
        subject_cid,
        via_did,
        via_key,
        via_path,
        via_cid,
        extra,
    ) = row
    if extra is not None:
        return CID.of(extra).digest
    subject = did if subject_key is None else f"at://{did}/{_path(POST, subject_key, subject_path)}"
    via = None if via_did is None else f"at://{via_did}/{_path(_VIA_COLLECTION[kind], via_key, via_path)}"
    return CID.of(rebuild_edge(kind, created_at, subject, subject_cid, via, via_cid)).digest
