"""Finding accounts and posts."""

from __future__ import annotations

from typing import Any

import pytest

from indexer.api.services import Services
from indexer.records.collections import LIKE
from indexer.store.reads.spelling import iso
from indexer.store.search_index import SearchIndex
from tests.api.conftest import Client
from tests.api.world import World

pytestmark = pytest.mark.anyio

POSTS = "app.bsky.feed.searchPosts"


async def texts(client: Client, q: str, **params: Any) -> list[str]:
    """The texts of the posts found, over all pages."""
    found = await client.walk(POSTS, {"q": q, **params}, "posts")
    return [post["record"]["text"] for post in found]


async def test_posts_are_found_by_words_phrases_and_operators(world: World, client: Client) -> None:
    ada = await world.account("ada", profile={})
    bob = await world.account("bob", profile={})
    mention = {"facets": [{"index": {"byteStart": 0, "byteEnd": 3}, "features": [
        {"$type": "app.bsky.richtext.facet#mention", "did": bob.did}]}]}  # fmt: skip
    link = {"facets": [{"index": {"byteStart": 0, "byteEnd": 3}, "features": [
        {"$type": "app.bsky.richtext.facet#link", "uri": "https://news.Example.org/a/?b"},
        {"$type": "app.bsky.richtext.facet#tag", "tag": "Cats"}]}], "tags": ["Größe"]}  # fmt: skip
    await world.post(ada, "The quick brown fox", extra={"langs": ["en"]})
    await world.post(bob, "a brown and quick dog, don't jump")
    await world.post(ada, "hey @bob.test", extra=mention)
    await world.post(ada, "see this", extra=link)
    await world.post(bob, "Grüße aus KÖLN", extra={"langs": ["de-AT"]})
    await world.post(bob, "私は東京都に住んでいます", extra={"langs": ["ja"]})
    await world.make_searchable()
    assert await texts(client, "quick brown") == ["a brown and quick dog, don't jump", "The quick brown fox"]
    assert await texts(client, '"quick brown"') == ["The quick brown fox"]
    assert await texts(client, 'QUICK -"quick brown"') == ["a brown and quick dog, don't jump"]
    assert await texts(client, "don't") == ["a brown and quick dog, don't jump"]
    assert await texts(client, "qui*") == await texts(client, "quick")
    assert await texts(client, "qui") == []
    assert await texts(client, "quick from:bob.test") == ["a brown and quick dog, don't jump"]
    assert await texts(client, "quick -from:bob.test") == ["The quick brown fox"]
    assert await texts(client, "quick", author=ada.did) == ["The quick brown fox"]
    assert await texts(client, f"quick {ada.did}") == ["The quick brown fox"]
    assert await texts(client, "mentions:@bob.test") == await texts(client, "*", mentions=bob.did)
    assert await texts(client, "mentions:bob.test") == ["hey @bob.test"]
    assert await texts(client, "@bob.test") == ["hey @bob.test"]
    assert await texts(client, "hey -@bob.test") == await texts(client, "@nobody.test") == []
    assert await texts(client, "see https://news.example.org/a?b") == []
    assert await texts(client, "see https://news.example.org/a/?b") == ["see this"]
    assert await texts(client, "https: see") == []
    assert await texts(client, "#cats") == await texts(client, "see", tag="Cats") == ["see this"]
    assert await texts(client, "*", tag=["cats", "grosse"]) == ["see this"]
    assert await texts(client, "see -#cats") == []
    assert await texts(client, "domain:example.org") == await texts(client, "see", domain="news.example.org")
    assert await texts(client, "x", domain="ample.org") == await texts(client, "domain:org") == []
    assert await texts(client, "see", url="https://NEWS.example.org/a/?b#c") == ["see this"]
    assert (
        await texts(client, "köln lang:de") == await texts(client, "koln", lang="de-AT") == ["Grüße aus KÖLN"]
    )
    assert await texts(client, "grusse") == ["Grüße aus KÖLN"]
    assert (
        await texts(client, "東京") == await texts(client, "東京都 lang:ja") == ["私は東京都に住んでいます"]
    )
    assert await texts(client, "京東") == []
    assert await texts(client, "quick lang:de") == []
    assert await texts(client, "from:nobody.test") == []
    assert await texts(client, "quick until:2001-01-01") == []
    assert len(await texts(client, "quick since:2001-01-01")) == 2
    assert await client.error(POSTS, {"q": "since:nonsense"}) == (400, "InvalidRequest")
    for cursor in ("nonsense", "1__x", "1__1.x"):
        assert await client.error(POSTS, {"q": "x", "cursor": cursor}) == (400, "InvalidRequest")
    assert await client.error(POSTS) == (400, "InvalidRequest")
    await world.connection.execute("INSERT INTO cursor VALUES ('test', '0/1', 1, $1)", world.clock)
    assert len(await texts(client, "-from:nobody.test")) == len(await texts(client, "*")) == 6
    ours = await client.get(POSTS, {"q": "brown from:me"}, viewer=ada)
    assert [post["record"]["text"] for post in ours["posts"]] == ["The quick brown fox"]
    assert ours["hitsTotal"] == 1


async def test_the_latest_are_found_first_however_far_back_they_are(world: World, client: Client) -> None:
    ada = await world.account("ada", profile={})
    now = world.clock
    ages = [0, 1, 5, 6, 7, 24, 71, 72, 100, 24 * 29, 24 * 59, 24 * 61, 24 * 100, 24 * 800]
    for age in reversed(ages):
        await world.post(ada, f"needle {age}", at=now - age * 3_600_000)
        await world.post(ada, "hay", at=now - age * 3_600_000)
    await world.make_searchable()
    wanted = [f"needle {age}" for age in ages]
    for event_at in (None, now + 1000, now + 40 * 24 * 3_600_000):
        if event_at is not None:
            await world.connection.execute(
                "INSERT INTO cursor VALUES ('test', '0/1', 1, $1)"
                " ON CONFLICT (upstream, shard) DO UPDATE SET event_at = excluded.event_at", event_at
            )  # fmt: skip
        assert await texts(client, "needle", limit=3) == wanted
        assert await texts(client, "needle from:ada.test", limit=100) == wanted
    recent = iso(now - 24 * 3_600_000)
    assert await texts(client, "needle", since=recent, limit=2) == wanted[: ages.index(24) + 1]
    assert await texts(client, f"needle until:{recent}") == wanted[ages.index(24) + 1 :]


async def test_the_top_posts_are_those_with_the_most_attention(world: World, client: Client) -> None:
    ada = await world.account("ada", profile={})
    posts = [await world.post(ada, f"needle {number}") for number in range(5)]
    for post, likes in zip(posts, (1, 3, 0, 2, 3), strict=True):
        for number in range(likes):
            fan = await world.account(f"fan{post.key % 1000}-{number}")
            await world.edge(LIKE, fan, post)
    await world.make_searchable()
    expected = ["needle 4", "needle 1", "needle 3", "needle 0", "needle 2"]
    assert await texts(client, "needle", sort="top", limit=2) == expected
    answer = await client.get(POSTS, {"q": "needle", "sort": "top", "limit": 2})
    assert answer["hitsTotal"] == 5


async def test_the_top_posts_of_a_common_word_are_those_of_the_latest(
    world: World, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = await world.account("ada", profile={})
    now = world.clock
    ages = {"year": 24 * 365, "month": 24 * 20, "day": 30, "hour": 1, "minute": 0}
    posts = {
        name: await world.post(ada, f"needle {name}", at=now - age * 3_600_000) for name, age in ages.items()
    }
    likes = {"year": 5, "month": 4, "day": 3, "hour": 1, "minute": 0}
    for name, count in likes.items():
        for number in range(count):
            await world.edge(LIKE, await world.account(f"fan{name}{number}"), posts[name])
    await world.make_searchable()
    await world.connection.execute("INSERT INTO cursor VALUES ('test', '0/1', 1, $1)", now)
    every = [f"needle {name}" for name in likes]
    assert await texts(client, "needle", sort="top", limit=2) == every
    assert (await client.get(POSTS, {"q": "needle", "sort": "top"}))["hitsTotal"] == 5
    since = iso(now - 40 * 3_600_000)
    assert await texts(client, "needle", sort="top", since=since) == every[2:]
    monkeypatch.setattr("indexer.store.reads.post_search._TOP_ENOUGH", 3)
    assert await texts(client, "needle", sort="top", limit=1) == every[2:]
    assert "hitsTotal" not in await client.get(POSTS, {"q": "needle", "sort": "top"})
    monkeypatch.setattr("indexer.store.reads.post_search._TOP_ENOUGH", 10)
    monkeypatch.setattr("indexer.store.reads.post_search._TOP_OF", 4)
    assert await texts(client, "needle", sort="top", limit=2) == every[1:]


async def test_what_is_gone_or_blocked_is_not_found(world: World, client: Client) -> None:
    ada, bob, eve = [await world.account(name, profile={}) for name in ("ada", "bob", "eve")]
    kept = await world.post(ada, "needle kept")
    gone = await world.post(ada, "needle gone")
    await world.post(bob, "needle of bob")
    await world.make_searchable()
    await world.connection.execute("DELETE FROM post WHERE rkey = $1", gone.key)
    assert await texts(client, "needle") == ["needle of bob", "needle kept"]
    await world.block(bob, eve)
    found = await client.get(POSTS, {"q": "needle"}, viewer=eve)
    assert [post["uri"] for post in found["posts"]] == [kept.uri]
    await world.connection.execute("UPDATE actor SET takedown_ref = 'x' WHERE id = $1", bob.id)
    assert await texts(client, "needle") == ["needle kept"]
    await world.connection.execute(
        "INSERT INTO search_queue (post_keys, post_actors, accounts) VALUES ($1, $2, '{}')",
        [gone.key],
        [ada.id],
    )
    index = SearchIndex(world.url)
    assert await index.step() == 1
    await index.close()
    assert await world.connection.fetchval("SELECT count(*) FROM post_search") == 2


async def test_accounts_are_found_by_parts_of_their_names(world: World, client: Client) -> None:
    names = {"alice": "Zoë Ångström", "malice": "Alice in Chains", "bob": "x"}
    accounts = {
        name: await world.account(name, profile={"displayName": shown}) for name, shown in names.items()
    }
    for number in range(3):
        await world.follow(await world.account(f"fan{number}"), accounts["malice"])
    await world.make_searchable()

    async def found(q: str, nsid: str = "searchActors") -> list[str]:
        answer = await client.get(f"app.bsky.actor.{nsid}", {"q": q})
        return [view["handle"] for view in answer["actors"]]

    assert await found("alice") == ["malice.test", "alice.test"], (
        "both begin so: the more followed one is first"
    )
    assert await found("@alice.test") == ["alice.test", "malice.test"], "an exact handle is first"
    assert await found("zoe") == await found("ÅNGSTROM") == ["alice.test"]
    assert await found("in chai") == ["malice.test"]
    assert await found("lice") == ["malice.test", "alice.test"], "parts: latest first"
    assert await found("l_ce") == await found("%") == [], "no pattern characters"
    assert await found("zzz") == []
    assert await found("al", "searchActorsTypeahead") == ["malice.test", "alice.test"]
    assert await found("bo", "searchActorsTypeahead") == ["bob.test"]
    typed = await client.get("app.bsky.actor.searchActorsTypeahead", {"q": "al", "limit": 1})
    assert typed.keys() == {"actors"}, "who types does not page"
    walked = await client.walk("app.bsky.actor.searchActors", {"q": "test", "limit": 2}, "actors")
    assert [view["handle"] for view in walked] == [f"{name}.test" for name in reversed(world.accounts)]
    everybody = await client.walk("app.bsky.actor.searchActors", {"q": "", "limit": 2}, "actors")
    assert everybody == walked


async def test_suggested_are_those_whom_ones_follows_follow(world: World, client: Client) -> None:
    ada, bob, eve, dan = [await world.account(name, profile={}) for name in ("ada", "bob", "eve", "dan")]
    await world.follow(ada, bob)
    await world.follow(bob, eve)
    await world.follow(bob, dan)
    await world.follow(eve, dan)
    answer = await client.get("app.bsky.actor.getSuggestions", viewer=ada)
    assert {view["did"] for view in answer["actors"]} == {eve.did, dan.did}
    nsid = "app.bsky.graph.getSuggestedFollowsByActor"
    answer = await client.get(nsid, {"actor": eve.did}, viewer=ada)
    assert [view["did"] for view in answer["suggestions"]] == [dan.did]


async def test_of_many_accounts_the_most_followed_and_the_latest_are_looked_at_first(
    world: World, services: Services
) -> None:
    accounts = [await world.account(f"user{number}", profile={}) for number in range(12)]
    for number in range(3):
        await world.follow(await world.account(f"other{number}"), accounts[5])
    await world.make_searchable()
    latest = [account.id for account in reversed(accounts)]
    found, cursor = await services.search.actors("ser", None, 10, looked_at=100)
    assert found == latest[:10]
    assert cursor is not None
    found, _ = await services.search.actors("user", None, 10, looked_at=2)
    assert found[0] == accounts[5].id
    found, _ = await services.search.actors("user7", None, 10, looked_at=2)
    assert found == [accounts[7].id]
