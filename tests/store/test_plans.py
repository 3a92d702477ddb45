"""The writer's statements never read more of a large table than they must, whatever the planner believes about it.

The plans are made as the writer's are: generic, without statistics on the staging tables, once while the large tables
are empty (as in a new database), with and without statistics that say so, and once after they were filled and analyzed
with a shape that misleads (one account has written nearly everything).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import asyncpg
import pytest

from indexer.store.edges import EDGES
from indexer.store.pool import connect
from indexer.store.sql import load

pytestmark = pytest.mark.anyio

LARGE = {
    "like", "repost", "follow", "block", "post", "duplicate", "notification", "post_count", "actor_count", "repo",
    "actor", "record", "post_search",
}  # fmt: skip
ROWS = 5_000
STATEMENTS = {
    **{f"{edge.stage} delete": edge.delete for edge in EDGES},
    **{f"{edge.stage} promote": edge.promote for edge in EDGES},
    **{f"{edge.stage} insert": edge.insert for edge in EDGES},
    **{f"{edge.stage} triage": edge.triage for edge in EDGES if edge.triage},
    **{f"{edge.stage} append": edge.append for edge in EDGES if edge.append},
    **{
        name: load(name)
        for name in (
            "post_prefetch", "post_staged", "post_gates", "post_ancestors", "post_delete", "post_insert",
            "post_lean_likes", "post_lean_reposts", "post_count_save", "actor_count_save", "repo_save", "record_find",
            "search_posts", "search_posts_delete",
        )
    },
}  # fmt: skip


async def fill(connection: asyncpg.Connection[Any]) -> None:
    """One account liked, reposted, followed and posted nearly everything; another is the subject of it."""
    await connection.execute(
        f"""INSERT INTO actor (id, did) SELECT g, 'did:plc:' || g FROM generate_series(1, {ROWS}) g;
        INSERT INTO repo (actor, rev) SELECT g, 1 FROM generate_series(1, {ROWS}) g;
        INSERT INTO "like" SELECT g, g, 1, 2, g, 0 FROM generate_series(1, {ROWS}) g;
        INSERT INTO repost SELECT g, g, 1, 2, g, 0 FROM generate_series(1, {ROWS}) g;
        INSERT INTO follow SELECT g, 1, g, g, 0 FROM generate_series(1, {ROWS}) g;
        INSERT INTO follow SELECT g + {ROWS}, g + 2, 2, g, 0 FROM generate_series(1, {ROWS}) g;
        INSERT INTO block SELECT g, 1, g, g, g FROM generate_series(1, {ROWS}) g;
        INSERT INTO duplicate (kind, rkey, actor, subject_key, subject_actor, created_at, indexed_at)
            SELECT 1 + g % 4, -g, 1, g, 2, g, g FROM generate_series(1, {ROWS}) g;
        INSERT INTO post SELECT g, 1, g, g, g - 1, 1, 1, 1, g - 1, 1, 0, 'c', 'r' FROM generate_series(1, {ROWS}) g;
        INSERT INTO post_search SELECT g, 1, g, '' FROM generate_series(1, {ROWS}) g;
        INSERT INTO post_count SELECT g, 2, 1 FROM generate_series(1, {ROWS}) g;
        INSERT INTO actor_count SELECT g, 1 FROM generate_series(1, {ROWS}) g;
        INSERT INTO record SELECT 8, g, 1, 'c', g, g, 'r' FROM generate_series(1, {ROWS}) g;
        INSERT INTO notification (recipient, sort_at, author, reason, record_kind, record_key)
            SELECT 2, g, 1, 5, 5, g FROM generate_series(1, {ROWS}) g;"""
    )


async def stage(connection: asyncpg.Connection[Any]) -> None:
    """A batch of 50 of everything, all by the busy account, half of it there already."""
    half = ROWS - 25
    await connection.execute(
        f"""INSERT INTO stage_like
            SELECT g, {half} + g, 1, {half} + g, 2, 1, 1, NULL, NULL, NULL, 'c', NULL, false, false
            FROM generate_series(1, 50) g;
        INSERT INTO stage_repost SELECT * FROM stage_like;
        INSERT INTO stage_follow SELECT g, {half} + g, 1, {half} + g, 1, 1, NULL, NULL, NULL, NULL, false
            FROM generate_series(1, 50) g;
        INSERT INTO stage_block SELECT g, {half} + g, 1, {half} + g, 1, 1, NULL, false FROM generate_series(1, 50) g;
        INSERT INTO stage_delete SELECT g, k, g, 1, false FROM generate_series(1, 20) g, generate_series(1, 5) k;
        INSERT INTO stage_post SELECT g, {ROWS} + g, 1, 1, 1, {half} + g, 1, 1, 1, {half} + g, 1, 0, 'c', 'r', false
            FROM generate_series(1, 50) g;
        INSERT INTO stage_repo SELECT g, 2, 'd', 3 FROM generate_series(1, 50) g;
        INSERT INTO stage_delta SELECT g, 2, 1, 0, 0, 0 FROM generate_series(1, 50) g;
        INSERT INTO stage_actor_delta SELECT g, 1, 0, 0 FROM generate_series(1, 50) g;"""
    )


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The plan's nodes, depth first."""
    yield plan
    for part in plan.get("Plans", ()):
        yield from nodes(part)


def parameters(name: str, text: str) -> tuple[str, str, str]:
    """A statement's parameters as SQL: their types, values about nothing, values about the staged batch."""
    if name in ("post_gates", "record_find"):
        return "(smallint[], bigint[], bigint[])", "('{}', '{}', '{}')", "('{}', '{}', '{}')"
    if name.startswith("search_posts"):
        keys, actors = [*range(ROWS - 50, ROWS)], [1] * 50
        return "(bigint[], bigint[])", "('{}', '{}')", f"(ARRAY{keys}, ARRAY{actors})"
    if name.endswith(" append"):
        stored = [*range(1, 26)]
        return "(integer, integer, integer[])", "(0, 0, '{}')", f"(0, 16777216, ARRAY{stored})"
    if "$3::integer[]" in text:
        return "(integer, integer, integer[])", "(0, 0, NULL)", "(0, 16777216, NULL)"
    if "$3" in text:
        return (
            "(integer, integer, bytea)",
            "(0, 0, '')",
            r"(0, 16777216, decode(repeat('00', 64), 'hex'))",
        )
    return ("(integer, integer)", "(0, 0)", "(0, 16777216)") if "$2" in text else ("", "", "")


@pytest.mark.parametrize("planned", ["while empty", "analyzed while empty", "after growth"])
async def test_no_statement_reads_a_whole_table(postgres_url: str, planned: str) -> None:
    connection = await connect(postgres_url)
    await connection.execute(load("stage"))
    names = {name: f"s{number}" for number, name in enumerate(STATEMENTS)}
    if planned == "analyzed while empty":
        await connection.execute("ANALYZE")
    if planned != "after growth":
        await _prepare(connection, names)
    await fill(connection)
    if planned == "after growth":
        await connection.execute("ANALYZE")
        await _prepare(connection, names)
    found = await whole_reads(connection, names, [name for name in STATEMENTS if name.startswith("search_")])
    if planned == "analyzed while empty":
        await connection.execute(load("plans_discard"))  # as the writer does before its tables are large
    found += await whole_reads(
        connection, names, [name for name in STATEMENTS if not name.startswith("search_")]
    )
    await connection.close()
    assert not found


async def whole_reads(
    connection: asyncpg.Connection[Any], prepared: dict[str, str], names: list[str]
) -> list[str]:
    """Which of the statements read much more of a large table than they must, and how."""
    found = []
    for name in names:
        transaction = connection.transaction()
        await transaction.start()
        await stage(connection)
        given = parameters(name, STATEMENTS[name])[2]
        answer = await connection.fetchval(
            f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) EXECUTE {prepared[name]}{given}"
        )
        for node in nodes(json.loads(answer)[0]["Plan"]):
            table = node.get("Relation Name", "")
            read = (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
            if table in LARGE and read > 1000:
                found.append(
                    f"{name} reads {read:.0f} rows of {table}: {node['Node Type']} {node.get('Index Name')}"
                )
        await transaction.rollback()
    return found


async def _prepare(connection: asyncpg.Connection[Any], names: dict[str, str]) -> None:
    """Prepare every statement and have its generic plan made."""
    for name, text in STATEMENTS.items():
        types, nothing, _ = parameters(name, text)
        await connection.execute(f"PREPARE {names[name]}{types} AS {text}")
        await connection.execute(f"EXPLAIN EXECUTE {names[name]}{nothing}")
