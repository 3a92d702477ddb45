"""Finding accounts and posts."""

from __future__ import annotations

from typing import Any

import pytest

from indexer.store.reads import post_search
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
        {"$type": "app.bsky.richtext.facet#link", "uri": "https://news.example.org/a"},
        {"$type": "app.bsky.richtext.facet#tag", "tag": "Cats"}]}]}  # fmt: skip
    await world.post(ada, "The quick brown fox", extra={"langs": ["en"]})
    await world.post(bob, "a brown and quick dog")
    await world.post(ada, "hey @bob.test", extra=mention)
    await world.post(ada, "see this", extra=link)
    await world.post(bob, "Grüße aus KÖLN", extra={"langs": ["de"]})
    assert await texts(client, "quick brown") == ["a brown and quick dog", "The quick brown fox"]
    assert await texts(client, '"quick brown"') == ["The quick brown fox"]
    assert await texts(client, "quick from:bob.test") == ["a brown and quick dog"]
    assert await texts(client, "quick", author=ada.did) == ["The quick brown fox"]
    assert await texts(client, "mentions:bob.test") == ["hey @bob.test"]
    assert await texts(client, "#cats") == await texts(client, "see", tag="Cats") == ["see this"]
    assert await texts(client, "domain:example.org") == ["see this"]
    assert await texts(client, "köln lang:de") == ["Grüße aus KÖLN"]
    assert await texts(client, "quick lang:de") == []
    assert await texts(client, "from:nobody.test") == []
    assert await texts(client, "quick until:2001-01-01") == []
    assert await texts(client, "quick since:2001-01-01", sort="top") != []
    assert await client.error(POSTS, {"q": "since:nonsense"}) == (400, "InvalidRequest")
    assert await client.error(POSTS, {"q": "x", "cursor": "nonsense"}) == (400, "InvalidRequest")
    assert await client.error(POSTS) == (400, "InvalidRequest")


async def test_a_search_goes_on_where_it_stopped(
    world: World, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(post_search, "_CHUNK", 3)
    monkeypatch.setattr(post_search, "_MOST_LOOKED_AT", 6)
    ada = await world.account("ada", profile={})
    wanted = []
    for number in range(30):
        text = f"needle {number}" if number % 7 == 0 else "hay"
        await world.post(ada, text)
        if text != "hay":
            wanted.append(text)
    assert await texts(client, "needle", limit=2) == wanted[::-1]
    assert await texts(client, "needle from:ada.test", limit=100) == wanted[::-1]


async def test_accounts_are_found_by_parts_of_their_handles(world: World, client: Client) -> None:
    names = ["alice", "malice", "bob"]
    accounts = {name: await world.account(name, profile={"displayName": name}) for name in names}

    async def found(q: str) -> list[str]:
        answer = await client.get("app.bsky.actor.searchActors", {"q": q})
        return [view["handle"] for view in answer["actors"]]

    assert set(await found("alice")) == {"alice.test", "malice.test"}
    assert await found("@alice.test") == ["alice.test", "malice.test"]
    assert await found("l_ce") == [], "no pattern characters"
    assert await found("zzz") == []
    walked = await client.walk("app.bsky.actor.searchActors", {"q": "test", "limit": 2}, "actors")
    assert {view["did"] for view in walked} == {account.did for account in accounts.values()}
    typed = await client.get("app.bsky.actor.searchActorsTypeahead", {"q": "bo"})
    assert [view["handle"] for view in typed["actors"]] == ["bob.test"]


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
