"""listNotifications, getUnreadCount, updateSeen."""

from __future__ import annotations

import pytest

from indexer.records import notices
from indexer.records.collections import LIKE, POST, REPOST
from indexer.store.reads.spelling import iso
from tests.api.conftest import Client
from tests.api.world import World

pytestmark = pytest.mark.anyio


async def test_notifications_of_all_sources_stand_in_one_order(world: World, client: Client) -> None:
    ada = await world.account("ada", profile={})
    bob = await world.account("bob", profile={})
    eve = await world.account("eve", profile={})
    post = await world.post(ada, "mine")
    await world.edge(LIKE, ada, post)  # one's own like is no news
    await world.edge(LIKE, bob, post)
    await world.edge(REPOST, eve, post)
    await world.follow(eve, ada)
    reply = await world.post(bob, "a reply", reply=post)
    await world.connection.execute(
        "INSERT INTO notification (recipient, sort_at, author, reason, record_kind, record_key, subject_kind, "
        "subject_key, subject_actor) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        ada.id, world.clock, bob.id, notices.REPLY, POST, reply.key, POST, post.key, ada.id,
    )  # fmt: skip
    answer = await client.get("app.bsky.notification.listNotifications", viewer=ada)
    assert [item["reason"] for item in answer["notifications"]] == ["reply", "follow", "repost", "like"]
    assert answer["notifications"][3]["reasonSubject"] == post.uri
    assert answer["notifications"][3]["record"]["subject"]["uri"] == post.uri
    walked = await client.walk(
        "app.bsky.notification.listNotifications", {"limit": 1}, "notifications", viewer=ada
    )
    assert [item["uri"] for item in walked] == [item["uri"] for item in answer["notifications"]]
    only = await client.get("app.bsky.notification.listNotifications", {"reasons": ["like"]}, viewer=ada)
    assert [item["reason"] for item in only["notifications"]] == ["like"]

    assert await client.get("app.bsky.notification.getUnreadCount", viewer=ada) == {"count": 4}
    seen = answer["notifications"][1]["indexedAt"]
    response = await client.ask("app.bsky.notification.updateSeen", viewer=ada, body={"seenAt": seen})
    assert response.status == 200
    assert await client.get("app.bsky.notification.getUnreadCount", viewer=ada) == {"count": 1}
    await client.ask("app.bsky.notification.updateSeen", viewer=ada, body={"seenAt": iso(0)})
    assert await client.get("app.bsky.notification.getUnreadCount", viewer=ada) == {"count": 1}


async def test_notifications_about_deleted_posts_and_by_muted_accounts_are_gone(
    world: World, client: Client
) -> None:
    ada = await world.account("ada", profile={})
    bob = await world.account("bob", profile={})
    eve = await world.account("eve", profile={})
    kept = await world.post(ada, "kept")
    gone = await world.post(ada, "gone")
    for post in (kept, gone):
        await world.edge(LIKE, bob, post)
        await world.edge(LIKE, eve, post)
    await world.connection.execute("DELETE FROM post WHERE rkey = $1", gone.key)
    await world.mute(ada, eve)
    answer = await client.get("app.bsky.notification.listNotifications", viewer=ada)
    assert [(item["author"]["did"], item["reasonSubject"]) for item in answer["notifications"]] == [
        (bob.did, kept.uri)
    ]


async def test_notifications_need_an_account(client: Client) -> None:
    assert await client.error("app.bsky.notification.listNotifications") == (401, "AuthMissing")
