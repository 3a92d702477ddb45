"""The audit finds nothing after real streams, finds every planted difference, and the repair mends them."""

from __future__ import annotations

import pytest

from indexer.store.audit import audit, repair
from tests.store.dump import dump
from tests.store.pipeline import Pipeline
from tests.store.streams import Stream

pytestmark = pytest.mark.anyio


async def test_audit_and_repair(postgres_url: str) -> None:
    events = [event.frame for event in Stream(21, events=250).shuffled()]
    async with Pipeline(postgres_url) as pipeline:
        for start in range(0, len(events), 60):
            await pipeline.write(events[start : start + 60])
        right = await dump(pipeline.connection)
        assert await audit(postgres_url) == []
        assert await repair(postgres_url) == []

        connection = pipeline.connection
        await connection.execute("UPDATE post_count SET likes = likes + 2 WHERE likes > 1")
        await connection.execute("DELETE FROM post_count WHERE replies > 0")
        await connection.execute("UPDATE actor_count SET posts = posts - 1")
        found = await audit(postgres_url)
        assert {difference.what for difference in found} >= {"likes", "replies", "posts"}
        assert sorted(await repair(postgres_url)) == sorted(found)
        assert await audit(postgres_url) == []
        assert await dump(connection) == right


async def test_audit_names_lost_and_kept_cids(postgres_url: str) -> None:
    events = [event.frame for event in Stream(22, events=150).shuffled()]
    async with Pipeline(postgres_url) as pipeline:
        await pipeline.write(events)
        connection = pipeline.connection
        kept = await connection.execute(
            'UPDATE "like" l SET subject_cid = p.cid FROM post p WHERE p.rkey = subject_key AND p.actor = subject_actor'
        )
        found = await audit(postgres_url)
    assert len(found) == int(kept.split()[1]) > 0
    assert {(difference.what, difference.stored) for difference in found} == {("subject_cid", "a copy")}
