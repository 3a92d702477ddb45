"""getTimeline, getAuthorFeed, getPosts and profiles over rows as ingestion leaves them."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from indexer.api.application import Application
from indexer.api.auth import Authenticator, audiences_of
from indexer.api.services import Services
from indexer.errors import IdentityNotFound
from indexer.records.collections import GENERATOR, LIKE, NSIDS, REPOST
from indexer.store.reads.database import asked
from indexer.sync.did_document import DidDocument, parse_did_document
from tests.api.conftest import SERVICE, Client
from tests.api.world import World

pytestmark = pytest.mark.anyio


async def test_timeline_shows_followed_accounts_newest_first(world: World, client: Client) -> None:
    ada = await world.account("ada", profile={"displayName": "Ada"})
    bob = await world.account("bob", profile={"displayName": "Bob"})
    eve = await world.account("eve", profile={})
    await world.follow(ada, bob)
    first = await world.post(bob, "first")
    strange = await world.post(eve, "of a stranger")
    second = await world.post(bob, "second", reply=first)
    await world.edge(REPOST, bob, strange)
    liked = await world.edge(LIKE, ada, first)

    answer = await client.get("app.bsky.feed.getTimeline", viewer=ada)
    feed = answer["feed"]
    assert [item["post"]["record"]["text"] for item in feed] == ["of a stranger", "second", "first"]
    assert feed[0]["reason"]["by"]["handle"] == "bob.test"
    assert feed[1]["reply"]["parent"]["uri"] == first.uri
    assert feed[2]["post"]["likeCount"] == 1
    assert feed[2]["post"]["viewer"]["like"].endswith(str(liked)) or "like" in feed[2]["post"]["viewer"]
    assert "cursor" not in answer
    assert second.uri == feed[1]["post"]["uri"]


async def test_pages_join_to_the_whole_even_where_many_posts_share_a_time(
    world: World, client: Client
) -> None:
    ada = await world.account("ada", profile={})
    bob = await world.account("bob", profile={})
    await world.follow(ada, bob)
    at = world.tick()
    posts = [
        (at + number // 7, await world.post(bob, f"{number}", at=at + number // 7)) for number in range(25)
    ]
    ordered = sorted(posts, key=lambda pair: (pair[0], str(pair[1].cid)), reverse=True)
    expected = [post.uri for _, post in ordered]
    for limit in (1, 3, 10, 100):
        feed = await client.walk("app.bsky.feed.getTimeline", {"limit": limit}, "feed", viewer=ada)
        assert [item["post"]["uri"] for item in feed] == expected


async def test_posts_that_share_a_time_hide_nothing_behind_older_reposts(
    world: World, client: Client
) -> None:
    ada = await world.account("ada", profile={})
    bob = await world.account("bob", profile={})
    older = [await world.post(ada, f"older {number}") for number in range(4)]
    for post in older:
        await world.edge(REPOST, bob, post)
    at = world.tick()
    posts = [
        (at + number // 2, await world.post(bob, f"{number}", at=at + number // 2)) for number in range(8)
    ]
    ordered = sorted(posts, key=lambda pair: (pair[0], str(pair[1].cid)), reverse=True)
    expected = [post.uri for _, post in ordered] + [post.uri for post in older[::-1]]
    for limit in (1, 2, 3, 5):
        of_bob = {"actor": bob.did, "limit": limit, "filter": "posts_with_replies"}
        feed = await client.walk("app.bsky.feed.getAuthorFeed", of_bob, "feed", viewer=ada)
        assert [item["post"]["uri"] for item in feed] == expected
        own = await client.walk("app.bsky.feed.getTimeline", {"limit": limit}, "feed", viewer=bob)
        assert [item["post"]["uri"] for item in own] == expected


@pytest.mark.parametrize("size", [3, 40])
async def test_a_page_costs_the_same_questions_whatever_its_size(
    world: World, client: Client, size: int
) -> None:
    ada = await world.account("ada", profile={})
    friends = [await world.account(f"f{number}x", profile={}) for number in range(size)]
    for friend in friends:
        await world.follow(ada, friend)
        post = await world.post(friend)
        await world.post(friend, "a reply", reply=post)
        await world.edge(REPOST, ada, post)
    await client.get("app.bsky.feed.getTimeline", viewer=ada)  # learns the accounts' ids
    counter: Counter[str] = Counter()
    token = asked.set(counter)
    answer = await client.get("app.bsky.feed.getTimeline", {"limit": size}, viewer=ada)
    asked.reset(token)
    assert len(answer["feed"]) == size
    assert max(counter.values()) <= 3, counter  # the timeline's widening windows
    assert sum(counter.values()) <= 10, counter


async def test_no_method_asks_again_for_more_items(world: World, client: Client) -> None:
    """A page of 40 costs no kind of question more often than a page of 3, whatever the method; nothing is kept here."""
    ada = await world.account("ada", profile={})
    first = await world.post(ada)
    others = [await world.account(f"f{number}x", profile={}) for number in range(40)]
    posts = []
    for other in others:
        await world.follow(ada, other)
        await world.follow(other, ada)
        posts.append(await world.post(other, "a reply", reply=first))
        await world.edge(REPOST, ada, posts[-1])
        await world.edge(REPOST, other, first)
        await world.edge(LIKE, other, first)
        await world.edge(LIKE, ada, posts[-1])
        await world.mute(ada, await world.account(f"m{other.id}x", profile={}))
    methods: list[tuple[str, str, dict[str, Any]]] = [
        ("feed.getAuthorFeed", "feed", {"actor": ada.did}),
        ("feed.getActorLikes", "feed", {"actor": ada.did}),
        ("feed.getLikes", "likes", {"uri": first.uri}),
        ("feed.getRepostedBy", "repostedBy", {"uri": first.uri}),
        ("graph.getFollows", "follows", {"actor": ada.did}),
        ("graph.getFollowers", "followers", {"actor": ada.did}),
        ("graph.getMutes", "mutes", {}),
        ("feed.getPosts", "posts", {"uris": [post.uri for post in posts]}),
        ("actor.getProfiles", "profiles", {"actors": [other.did for other in others]}),
    ]

    async def cost(method: str, items: str, params: dict[str, Any], size: int) -> Counter[str]:
        lists = {name: value[:size] for name, value in params.items() if isinstance(value, list)}
        sized: dict[str, Any] = lists or {"limit": size}
        counter: Counter[str] = Counter()
        token = asked.set(counter)
        answer = await client.get(f"app.bsky.{method}", {**params, **sized}, viewer=ada)
        asked.reset(token)
        assert len(answer[items]) == size, method
        return counter

    for method, items, params in methods:
        most = 25 if any(isinstance(value, list) for value in params.values()) else 40
        await cost(method, items, params, most)  # learns the accounts' ids
        few = await cost(method, items, params, 3)
        many = await cost(method, items, params, most)
        assert few, method
        assert many <= few, (method, many - few)


async def test_profile_shows_relation_counts_and_known_followers(world: World, client: Client) -> None:
    ada = await world.account("ada", profile={"displayName": "Ada"})
    bob = await world.account("bob", profile={"displayName": "Bob", "description": "builder"})
    eve = await world.account("eve", profile={})
    following = await world.follow(ada, bob)
    await world.follow(ada, eve)
    await world.follow(eve, bob)
    await world.post(bob)
    view = await client.get("app.bsky.actor.getProfile", {"actor": "bob.test"}, viewer=ada)
    assert (view["followersCount"], view["followsCount"], view["postsCount"]) == (2, 0, 1)
    assert view["viewer"]["following"] == following
    assert [known["did"] for known in view["viewer"]["knownFollowers"]["followers"]] == [eve.did]
    assert view["description"] == "builder"


async def test_blocks_hide_in_both_directions(world: World, client: Client) -> None:
    ada = await world.account("ada", profile={})
    bob = await world.account("bob", profile={})
    await world.follow(ada, bob)
    post = await world.post(bob)
    await world.block(bob, ada)
    assert (await client.get("app.bsky.feed.getTimeline", viewer=ada))["feed"] == []
    assert (await client.get("app.bsky.feed.getPosts", {"uris": [post.uri]}, viewer=ada))["posts"] == []
    error = await client.error("app.bsky.feed.getAuthorFeed", {"actor": bob.did}, viewer=ada)
    assert error == (400, "BlockedByActor")
    view = await client.get("app.bsky.actor.getProfile", {"actor": bob.did}, viewer=ada)
    assert view["viewer"]["blockedBy"] is True
    assert "following" not in view["viewer"]


async def test_quotes_and_their_quotes_are_embedded_two_deep(world: World, client: Client) -> None:
    ada = await world.account("ada", profile={})
    one = await world.post(ada, "one")
    two = await world.post(ada, "two", quote=one)
    three = await world.post(ada, "three", quote=two)
    (view,) = (await client.get("app.bsky.feed.getPosts", {"uris": [three.uri]}))["posts"]
    embedded = view["embed"]["record"]
    assert embedded["uri"] == two.uri
    assert embedded["embeds"][0]["record"]["uri"] == one.uri
    assert "embeds" not in embedded["embeds"][0]["record"]


class Directory:
    """Documents of DIDs whose last word is the fragment of their only service."""

    async def resolve(self, did: str) -> DidDocument:
        fragment = did.rpartition(":")[2].removesuffix(".test")
        if fragment == "nowhere":
            raise IdentityNotFound(did)
        service = {"id": f"#{fragment}", "type": "BskyFeedGenerator", "serviceEndpoint": "https://feeds.test"}
        return parse_did_document(json.dumps({"id": did, "service": [service]}).encode(), did)


async def test_a_feed_generator_must_say_in_its_document_that_it_is_one(
    world: World, client: Client, services: Services
) -> None:
    client.application = Application(
        replace(services, identities=Directory()), Authenticator(client.keys, audiences=audiences_of(SERVICE))
    )
    ada = await world.account("ada", profile={})
    method = "app.bsky.feed.getFeedGenerator"
    for did, good in (("did:web:bsky_fg", True), ("did:web:atproto_pds", False), ("did:web:nowhere", False)):
        feed = await world.record(ada, NSIDS[GENERATOR], {"did": did, "displayName": "Cats"})
        if good:
            answer = await client.get(method, {"feed": feed})
            assert (answer["view"]["displayName"], answer["isOnline"], answer["isValid"]) == (
                "Cats",
                True,
                True,
            )
        else:
            assert await client.error(method, {"feed": feed}) == (400, "InvalidRequest")
    unknown = f"at://{ada.did}/{NSIDS[GENERATOR]}/none"
    assert await client.error(method, {"feed": unknown}) == (400, "InvalidRequest")


async def test_a_post_by_its_authors_handle_is_another_once_the_handle_moves(
    world: World, client: Client
) -> None:
    """What is remembered of URIs may not outlive what a handle means."""
    ada = await world.account("ada", profile={})
    bob = await world.account("bob", profile={})
    post = await world.post(ada, "by ada")
    uri = post.uri.replace(ada.did, ada.handle)
    for _ in range(2):
        answer = await client.get("app.bsky.feed.getPosts", {"uris": [uri]})
        assert [view["author"]["did"] for view in answer["posts"]] == [ada.did]
    await world.connection.execute("UPDATE actor SET handle = NULL WHERE id = $1", ada.id)
    await world.connection.execute("UPDATE actor SET handle = $2 WHERE id = $1", bob.id, ada.handle)
    assert (await client.get("app.bsky.feed.getPosts", {"uris": [uri]}))["posts"] == []
    answer = await client.get("app.bsky.feed.getPosts", {"uris": [post.uri]})
    assert [view["uri"] for view in answer["posts"]] == [post.uri]
