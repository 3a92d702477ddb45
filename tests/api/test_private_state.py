"""What people tell this server alone: mutes, bookmarks, preferences, subscriptions."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.conftest import Client
from tests.api.world import Account, World

pytestmark = pytest.mark.anyio

FEED, GRAPH, NOTES, BOOKMARK = (
    "app.bsky.feed.",
    "app.bsky.graph.",
    "app.bsky.notification.",
    "app.bsky.bookmark.",
)


async def put(client: Client, viewer: Account, nsid: str, body: dict[str, Any], status: int = 200) -> None:
    response = await client.ask(nsid, viewer=viewer, body=body)
    assert response.status == status, response.body


async def test_mutes_hide_from_the_timeline_and_end(world: World, client: Client) -> None:
    ada = await world.account("ada", profile={})
    bob = await world.account("bob", profile={})
    await world.follow(ada, bob)
    await world.post(bob)
    await put(client, ada, GRAPH + "muteActor", {"actor": "bob.test"})
    assert (await client.get(FEED + "getTimeline", viewer=ada))["feed"] == []
    assert [view["did"] for view in (await client.get(GRAPH + "getMutes", viewer=ada))["mutes"]] == [bob.did]
    author = await client.get(FEED + "getAuthorFeed", {"actor": bob.did}, viewer=ada)
    assert len(author["feed"]) == 1, "who looks at a muted account's profile wants to see it"
    await put(client, ada, GRAPH + "unmuteActor", {"actor": bob.did})
    assert len((await client.get(FEED + "getTimeline", viewer=ada))["feed"]) == 1
    await put(client, ada, GRAPH + "muteActor", {"actor": ada.did}, status=400)
    await put(client, ada, GRAPH + "muteActor", {"actor": bob.did, "onlyReposts": True})
    assert len((await client.get(FEED + "getTimeline", viewer=ada))["feed"]) == 1
    assert (await client.get(GRAPH + "getMutes", viewer=ada))["mutes"] == []
    view = await client.get("app.bsky.actor.getProfile", {"actor": bob.did}, viewer=ada)
    assert view["viewer"]["mutedOnlyReposts"] is True


async def test_lists_mute_and_block_only_while_they_are_moderation_lists(
    world: World, client: Client
) -> None:
    ada = await world.account("ada", profile={})
    bob = await world.account("bob", profile={})
    eve = await world.account("eve", profile={})
    await world.follow(ada, bob)
    await world.post(bob)
    purpose = "app.bsky.graph.defs#modlist"
    uri = await world.list(eve, purpose, [bob])
    await put(client, ada, GRAPH + "muteActorList", {"list": uri})
    assert (await client.get(FEED + "getTimeline", viewer=ada))["feed"] == []
    view = await client.get("app.bsky.actor.getProfile", {"actor": bob.did}, viewer=ada)
    assert view["viewer"]["mutedByList"]["uri"] == uri
    assert [found["uri"] for found in (await client.get(GRAPH + "getListMutes", viewer=ada))["lists"]] == [
        uri
    ]
    await world.connection.execute(
        "UPDATE record SET kind = 12 WHERE kind = 10"
    )  # as if the list were deleted
    assert len((await client.get(FEED + "getTimeline", viewer=ada))["feed"]) == 1
    await world.connection.execute("UPDATE record SET kind = 10 WHERE kind = 12")
    await world.connection.execute("UPDATE actor SET status = 1 WHERE id = $1", eve.id)
    assert len((await client.get(FEED + "getTimeline", viewer=ada))["feed"]) == 1, "its owner is gone"
    await world.connection.execute("UPDATE actor SET status = 0 WHERE id = $1", eve.id)
    await put(client, ada, GRAPH + "unmuteActorList", {"list": uri})
    assert len((await client.get(FEED + "getTimeline", viewer=ada))["feed"]) == 1
    found = await client.get(GRAPH + "getList", {"list": uri}, viewer=ada)
    assert [item["subject"]["did"] for item in found["items"]] == [bob.did]


async def test_bookmarks_are_kept_counted_and_forgotten(world: World, client: Client) -> None:
    ada = await world.account("ada", profile={})
    posts = [await world.post(ada, f"{number}") for number in range(5)]
    for post in posts:
        await put(client, ada, BOOKMARK + "createBookmark", {"uri": post.uri, "cid": str(post.cid)})
        await put(client, ada, BOOKMARK + "createBookmark", {"uri": post.uri, "cid": str(post.cid)})
    walked = await client.walk(BOOKMARK + "getBookmarks", {"limit": 2}, "bookmarks", viewer=ada)
    assert [entry["subject"]["uri"] for entry in walked] == [post.uri for post in reversed(posts)]
    assert walked[0]["item"]["viewer"]["bookmarked"] is True
    assert walked[0]["item"]["bookmarkCount"] == 1
    await put(client, ada, BOOKMARK + "deleteBookmark", {"uri": posts[0].uri})
    assert len((await client.get(BOOKMARK + "getBookmarks", viewer=ada))["bookmarks"]) == 4
    other = {"uri": f"at://{ada.did}/app.bsky.graph.list/3jzfcijpj2z2a", "cid": str(posts[0].cid)}
    response = await client.ask(BOOKMARK + "createBookmark", viewer=ada, body=other)
    assert (response.status, b"UnsupportedCollection" in response.body) == (400, True)


async def test_muted_threads_say_so(world: World, client: Client) -> None:
    ada = await world.account("ada", profile={})
    root = await world.post(ada)
    reply = await world.post(ada, reply=root)
    await put(client, ada, GRAPH + "muteThread", {"root": root.uri})
    (view,) = (await client.get(FEED + "getPosts", {"uris": reply.uri}, viewer=ada))["posts"]
    assert view["viewer"]["threadMuted"] is True
    await put(client, ada, GRAPH + "unmuteThread", {"root": root.uri})
    (view,) = (await client.get(FEED + "getPosts", {"uris": reply.uri}, viewer=ada))["posts"]
    assert view["viewer"]["threadMuted"] is False


async def test_notification_preferences_and_subscriptions(world: World, client: Client) -> None:
    ada = await world.account("ada", profile={})
    bob = await world.account("bob", profile={})
    await world.follow(ada, bob)
    before = (await client.get(NOTES + "getPreferences", viewer=ada))["preferences"]
    assert before["like"] == {"include": "all", "list": True, "push": True}
    like = {"include": "follows", "list": True, "push": False}
    await put(client, ada, NOTES + "putPreferencesV2", {"like": like})
    after = (await client.get(NOTES + "getPreferences", viewer=ada))["preferences"]
    assert after == {**before, "like": like}
    await put(client, ada, NOTES + "putPreferencesV2", {"like": {"include": "some"}}, status=400)

    wanted = {"post": True, "reply": False}
    await put(
        client, ada, NOTES + "putActivitySubscription", {"subject": bob.did, "activitySubscription": wanted}
    )
    found = await client.get(NOTES + "listActivitySubscriptions", viewer=ada)
    assert [view["did"] for view in found["subscriptions"]] == [bob.did]
    view = await client.get("app.bsky.actor.getProfile", {"actor": bob.did}, viewer=ada)
    assert view["viewer"]["activitySubscription"] == wanted
    none = {"post": False, "reply": False}
    await put(
        client, ada, NOTES + "putActivitySubscription", {"subject": bob.did, "activitySubscription": none}
    )
    assert (await client.get(NOTES + "listActivitySubscriptions", viewer=ada))["subscriptions"] == []


async def test_an_account_that_was_never_seen_may_keep_private_state(world: World, client: Client) -> None:
    stranger = Account(0, "did:plc:" + "s" * 24, "s.test")
    bob = await world.account("bob", profile={})
    await world.connection.execute("SELECT setval('actor_id_seq', 5001)")
    await put(client, stranger, GRAPH + "muteActor", {"actor": bob.did})
    await put(client, stranger, GRAPH + "muteActor", {"actor": "did:plc:" + "u" * 24})
    assert [view["did"] for view in (await client.get(GRAPH + "getMutes", viewer=stranger))["mutes"]] == [
        bob.did
    ]


async def test_wrong_bodies_are_refused(world: World, client: Client) -> None:
    ada = await world.account("ada", profile={})
    for body in ({}, {"actor": 1}, {"actor": "nobody.test"}):
        await put(client, ada, GRAPH + "muteActor", body, status=400)
    await put(client, ada, GRAPH + "muteThread", {"root": "not a uri"}, status=400)
