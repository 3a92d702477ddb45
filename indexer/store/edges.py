"""The four kinds of edges (like, repost, follow, block): their statements, and the order in which one wave runs
them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import asyncpg

from indexer.records import notices
from indexer.records.collections import BLOCK, FOLLOW, LIKE, REPOST
from indexer.store.sql import load


@dataclass(frozen=True)
class Edge:
    """One kind of edge; its statements take the range of n of a wave.

    insert copes with every record that is there already. Where triage and append are given, insert is asked only about
    those that triage finds, and append puts the others into the table as they are.
    """

    kind: int
    stage: str
    delete: str
    promote: str
    insert: str
    triage: str | None = None
    append: str | None = None


def _about_record(
    kind: int, name: str, *, likes: int, reposts: int, via_reason: int, told: str, key: tuple[str, str]
) -> Edge:
    """`key`: the primary key's columns, in order; the last is asked for as a range (subject_edge_insert.sql)."""
    path = "t.{0} = {2}.{0} AND t.{1} BETWEEN {2}.{1} AND {2}.{1}"
    counted: dict[str, str | int] = {
        "edge": name,
        "kind": kind,
        "likes": likes,
        "reposts": reposts,
        "told": told,
    }
    return Edge(
        kind,
        f"stage_{name}",
        load("subject_edge_delete", **counted, deleted_path=path.format(*key, "d")),
        load("subject_edge_promote", **counted),
        load("subject_edge_insert", **counted, via_reason=via_reason, staged_path=path.format(*key, "s")),
        load("subject_edge_triage", edge=name, kind=kind),
        load("subject_edge_append", **counted, via_reason=via_reason),
    )


def _about_account(kind: int, name: str, *, counted: bool, with_via: bool) -> Edge:
    names: dict[str, str | int] = {"edge": name, "kind": kind, "counted": str(counted).lower()}
    via = ", via_key, via_actor, via_cid" if with_via else ""
    quiet = ", quiet" if with_via else ""
    return Edge(
        kind,
        f"stage_{name}",
        load("actor_edge_delete", **names, quiet="t.quiet" if with_via else "NULL::boolean"),
        load(
            "actor_edge_promote", **names, columns=via + quiet, promoted=via + (", true" if with_via else "")
        ),
        load(
            "actor_edge_insert",
            **names,
            columns=via + quiet,
            inserted=via + (", CASE WHEN waited THEN true ELSE inherited END" if with_via else ""),
            duplicated=via,
        ),
    )


EDGES = (
    _about_record(
        LIKE,
        "like",
        likes=1,
        reposts=0,
        via_reason=notices.LIKE_VIA_REPOST,
        told="false",
        key=("actor", "rkey"),
    ),
    _about_record(
        REPOST,
        "repost",
        likes=0,
        reposts=1,
        via_reason=notices.REPOST_VIA_REPOST,
        told="true",
        key=("rkey", "actor"),
    ),
    _about_account(FOLLOW, "follow", counted=True, with_via=True),
    _about_account(BLOCK, "block", counted=False, with_via=False),
)


async def delete_edges(connection: asyncpg.Connection[Any], edge: Edge, first: int, last: int) -> None:
    """Run one wave's deletes of one kind (first <= n < last) and give vacant places to duplicates."""
    vacated = await connection.execute(edge.delete, first, last)
    if vacated != "INSERT 0 0":
        await connection.execute(edge.promote, first, last)


async def insert_edges(connection: asyncpg.Connection[Any], edge: Edge, first: int, last: int) -> None:
    """Run one wave's creates of one kind."""
    if edge.triage is None or edge.append is None:
        await connection.execute(edge.insert, first, last)
        return
    careful: list[int] | None = [row[0] for row in await connection.fetch(edge.triage, first, last)]
    try:
        async with connection.transaction():
            await connection.execute(edge.append, first, last, careful)
    except asyncpg.UniqueViolationError:
        careful = None  # a path comes again with a new commit: all of them are looked at
    if careful != []:
        await connection.execute(edge.insert, first, last, careful)
