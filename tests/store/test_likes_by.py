"""An account's likes in the order of their times, found by keys that mostly are of the same day, compared with sorting
all of them.
"""

from __future__ import annotations

import random

import asyncpg
import pytest

from indexer.store.reads.database import statements

pytestmark = pytest.mark.anyio

DAY = 86_400_000
NOW = 1_767_225_600_000
ACTOR = 1
LIKES_BY = statements()["likes_by"]


def some_like(chance: random.Random, number: int) -> tuple[int, int, int]:
    """(rkey, created_at, indexed_at) of a like: mostly of one time, sometimes of several or of none."""
    time = NOW - chance.randrange(10) * DAY // 2 - chance.randrange(4)
    rkey = (time * 1000) << 10 | number
    created_at, indexed_at = time - 40, time
    match chance.randrange(12):
        case 0:
            created_at -= chance.choice(
                [1, DAY // 2, DAY - 40, DAY - 41, DAY, DAY + 1, 3 * DAY, 20_000 * DAY]
            )
        case 1:
            created_at = chance.choice([0, -1, -5 * DAY, -62_135_596_800_000])
        case 2:
            rkey = -number - 1
        case 3:
            rkey = chance.choice([number + 1, 2**63 - 1 - number])
        case 4:
            created_at, indexed_at = (
                created_at + 400 * DAY,
                chance.choice([indexed_at, indexed_at + 300 * DAY]),
            )
        case 5:
            created_at = indexed_at = chance.choice([2**53 // 1000, 9_000_000_000_001, 253_402_300_799_000])
    return rkey, created_at, indexed_at


@pytest.mark.parametrize("seed", range(6))
async def test_likes_come_in_the_order_of_their_times(postgres_url: str, seed: int) -> None:
    chance = random.Random(seed)
    connection = await asyncpg.connect(postgres_url)
    likes = [some_like(chance, number) for number in range(chance.choice([3, 60, 400]))]
    await connection.execute("INSERT INTO actor (id, did) VALUES (1, 'did:plc:a'), (2, 'did:plc:b')")
    await connection.executemany(
        """INSERT INTO "like" (rkey, actor, subject_key, subject_actor, lag, skew, subject_cid, more)
        SELECT $1, actor, $1, 2, edge_lag($1, $2, $3), edge_skew($1, $2, $3), 'c',
            edge_more($1, $2, $3, NULL, NULL, NULL, NULL, NULL)
        FROM (VALUES (1), (3)) AS by (actor)""",
        likes,
    )
    times = {rkey: min(created_at, indexed_at) for rkey, created_at, indexed_at in likes}
    bounds = [2**62, -(2**62), NOW, NOW - DAY, *times.values()]
    for latest in chance.sample(bounds, min(len(bounds), 60)):
        count = chance.choice([1, 2, 5, 50, 1000])
        rows = await connection.fetch(LIKES_BY, ACTOR, latest, count)
        expected = sorted((time for time in times.values() if time <= latest), reverse=True)
        last = expected[count - 1] if count <= len(expected) else -(2**62)
        assert [row["sort_at"] for row in rows] == [time for time in expected if time >= last]
        assert {row["edge_rkey"] for row in rows} == {
            k for k, time in times.items() if last <= time <= latest
        }
    await connection.close()
