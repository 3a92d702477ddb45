"""The search tables follow the stream: what the queue leads to equals what going through everything does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.records.words import account_names, as_tsvector, post_words, words_of
from indexer.store.search_index import SearchIndex
from tests.store.pipeline import Pipeline
from tests.store.streams import Stream

pytestmark = pytest.mark.anyio


@pytest.fixture
async def connection(postgres_url: str) -> AsyncIterator[asyncpg.Connection[Any]]:
    opened = await asyncpg.connect(postgres_url)
    yield opened
    await opened.close()


@pytest.fixture
async def index(postgres_url: str) -> AsyncIterator[SearchIndex]:
    opened = SearchIndex(postgres_url)
    yield opened
    await opened.close()


async def tables(connection: asyncpg.Connection[Any]) -> tuple[set[Any], set[Any]]:
    posts = await connection.fetch("SELECT rkey, actor, sort_at, words::text FROM post_search")
    accounts = await connection.fetch("SELECT actor, names FROM actor_search WHERE names <> ''")
    return set(map(tuple, posts)), set(map(tuple, accounts))


async def work(index: SearchIndex) -> int:
    done = 0
    while step := await index.step():
        done += step
    return done


@pytest.mark.parametrize("seed", [31, 32])
async def test_the_queue_leads_to_what_is_there(
    postgres_url: str, connection: asyncpg.Connection[Any], index: SearchIndex, seed: int
) -> None:
    stream = Stream(seed, events=250, weights={"app.bsky.actor.profile": 12})
    frames = [event.frame for event in stream.shuffled()]
    async with Pipeline(postgres_url) as pipeline:
        while frames:
            count = stream.random.randrange(1, 40)
            await pipeline.write(frames[:count])
            frames = frames[count:]
            await connection.execute("UPDATE actor SET handle = 'h' || id WHERE handle IS NULL")
            if stream.random.random() < 0.5:
                await index.step()
    await work(index)
    kept = await tables(connection)
    posts = await connection.fetch("SELECT rkey, actor FROM post")
    assert {row[:2] for row in kept[0]} == set(map(tuple, posts))
    assert len(posts) > 10
    assert kept[1]
    await connection.execute("TRUNCATE post_search, actor_search")
    await index.begin_anew()
    await work(index)
    swept = await tables(connection)
    assert swept[0] == kept[0]
    assert swept[1] >= kept[1], "accounts without a profile have a handle to be found by"
    assert await work(index) == 0
    await index.refresh_popularity()


async def test_popularity_is_brought_up_to_date(
    connection: asyncpg.Connection[Any], index: SearchIndex
) -> None:
    await connection.execute("INSERT INTO actor_search VALUES (1, ' a', 0), (2, ' b', 9)")
    await connection.execute("INSERT INTO actor_count (actor, followers) VALUES (1, 1000)")
    await index.step()
    await index.refresh_popularity()
    rows = await connection.fetch("SELECT actor, popularity FROM actor_search")
    assert set(map(tuple, rows)) == {(1, 40), (2, 0)}


async def test_one_session_at_a_time_keeps_the_tables(
    connection: asyncpg.Connection[Any], index: SearchIndex
) -> None:
    await connection.execute(
        "INSERT INTO search_queue (post_keys, post_actors, accounts) VALUES ('{}', '{}', '{1}')"
    )
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock(7236837)")
        assert await index.step() == 0
    assert await index.step() == 1


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(
        st.sampled_from(["text", "facets", "features", "embed", "external", "uri", "tag", "langs", "images", "alt"]),
        inner,
    ),
)  # fmt: skip


@given(record=st.dictionaries(st.sampled_from(["text", "facets", "embed", "tags", "langs", "x"]), JSON))
def test_any_record_has_words(record: dict[str, Any]) -> None:
    found = post_words(record, 1, 1)
    assert {"f:1", "h:0", "y:0", "m:0"} <= set(found)
    assert "" not in found
    assert as_tsvector(found)
    account_names("a.test", record.get("text"))


@given(text=st.text())
def test_words_are_the_same_whatever_case_they_are_in(text: str) -> None:
    assert list(words_of(text)) == list(words_of(text.casefold()))
    for word in words_of(text):
        assert " " not in word
        assert "".join(words_of(word)) == word
