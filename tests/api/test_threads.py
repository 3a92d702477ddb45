"""Threads and the lists around a post and an account."""

from __future__ import annotations

import pytest

from indexer.records.collections import LIKE, REPOST
from tests.api.conftest import Client
from tests.api.world import World

pytestmark = pytest.mark.anyio


async def test_thread_has_parents_and_replies_in_order(world: World, client: Client) -> None:
    ada = await world.account("ada", profile={})
    bob = await world.account("bob", profile={})
    root = await world.post(ada, "root")
    middle = await world.post(bob, "middle", reply=root)
    left = await world.post(ada, "left", reply=middle)
    right = await world.post(bob, "right", reply=middle)
    await world.edge(LIKE, ada, right)
    answer = await client.get("app.bsky.feed.getPostThread", {"uri": middle.uri}, viewer=bob)
    thread = answer["thread"]
    assert thread["parent"]["post"]["uri"] == root.uri
    assert [reply["post"]["uri"] for reply in thread["replies"]] == [right.uri, left.uri]
    assert thread["replies"][0]["threadContext"]["rootAuthorLike"].startswith(
        f"at://{ada.did}/app.bsky.feed.like/"
    )
    assert (
        "replies"
        not in (await client.get("app.bsky.feed.getPostThread", {"uri": root.uri, "depth": 0}))["thread"]
    )


async def test_what_is_missing_or_blocked_leaves_a_placeholder(world: World, client: Client) -> None:
    ada = await world.account("ada", profile={})
    bob = await world.account("bob", profile={})
    eve = await world.account("eve", profile={})
    root = await world.post(ada, "root")
    reply = await world.post(bob, "reply", reply=root)
    await world.post(eve, "blocked reply", reply=reply)
    await world.block(eve, ada)
    answer = await client.get("app.bsky.feed.getPostThread", {"uri": reply.uri}, viewer=ada)
    (placeholder,) = answer["thread"]["replies"]
    assert placeholder["$type"] == "app.bsky.feed.defs#blockedPost"
    assert placeholder["author"]["viewer"] == {"blockedBy": True}
    await world.connection.execute("DELETE FROM post WHERE rkey = $1", root.key)
    answer = await client.get("app.bsky.feed.getPostThread", {"uri": reply.uri}, viewer=bob)
    assert answer["thread"]["parent"] == {
        "$type": "app.bsky.feed.defs#notFoundPost",
        "uri": root.uri,
        "notFound": True,
    }
    assert await client.error("app.bsky.feed.getPostThread", {"uri": root.uri}) == (400, "NotFound")


async def test_likes_reposts_quotes_and_follows_are_walked_without_gap_or_repeat(
    world: World, client: Client
) -> None:
    ada = await world.account("ada", profile={})
    others = [await world.account(f"o{number}x", profile={}) for number in range(9)]
    post = await world.post(ada)
    at = world.tick()
    quotes = []
    for number, other in enumerate(others):
        await world.edge(LIKE, other, post, at=at + number // 4)
        await world.edge(REPOST, other, post)
        await world.follow(other, ada)
        await world.follow(ada, other)
        quotes.append(await world.post(other, "quoting", quote=post))
    dids = {other.did for other in others}
    for limit in (2, 5, 50):
        likes = await client.walk("app.bsky.feed.getLikes", {"uri": post.uri, "limit": limit}, "likes")
        assert [like["actor"]["did"] for like in likes] != []
        assert len(likes) == 9
        assert {like["actor"]["did"] for like in likes} == dids
        reposts = await client.walk(
            "app.bsky.feed.getRepostedBy", {"uri": post.uri, "limit": limit}, "repostedBy"
        )
        assert [view["did"] for view in reposts] == [other.did for other in reversed(others)]
        views = await client.walk("app.bsky.feed.getQuotes", {"uri": post.uri, "limit": limit}, "posts")
        assert [view["uri"] for view in views] == [quote.uri for quote in reversed(quotes)]
        for method, key in (("getFollowers", "followers"), ("getFollows", "follows")):
            found = await client.walk(f"app.bsky.graph.{method}", {"actor": ada.did, "limit": limit}, key)
            assert [view["did"] for view in found] == [other.did for other in reversed(others)]
    known = await client.get("app.bsky.graph.getKnownFollowers", {"actor": ada.did}, viewer=ada)
    assert {view["did"] for view in known["followers"]} == dids
    likes = await client.walk(
        "app.bsky.feed.getActorLikes", {"actor": others[0].did}, "feed", viewer=others[0]
    )
    assert [item["post"]["uri"] for item in likes] == [post.uri]
    assert await client.error("app.bsky.feed.getActorLikes", {"actor": ada.did}, viewer=others[0]) == (
        400,
        "InvalidRequest",
    )


async def test_relationships_are_the_actors_own(world: World, client: Client) -> None:
    ada = await world.account("ada", profile={})
    bob = await world.account("bob", profile={})
    following = await world.follow(ada, bob)
    answer = await client.get(
        "app.bsky.graph.getRelationships",
        {"actor": ada.did, "others": [bob.did, "bob.test", "did:plc:" + "z" * 24]},
    )
    related, by_handle, unknown = answer["relationships"]
    assert related == {"$type": "app.bsky.graph.defs#relationship", "did": bob.did, "following": following}
    assert by_handle["notFound"] is True
    assert unknown == {"$type": "app.bsky.graph.defs#relationship", "did": "did:plc:" + "z" * 24}
