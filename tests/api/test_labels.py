"""Labels in views: of the labelers that a request names, in force, and nobody else's."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from indexer.store.labels import LabelStore
from tests.api.conftest import Client
from tests.api.world import World

pytestmark = pytest.mark.anyio

CTS = "2024-01-01T00:00:00.000Z"


async def test_labels_show_where_they_are_asked_for(world: World, client: Client) -> None:
    ada, lab, other = [await world.account(name, profile={}) for name in ("ada", "lab", "other")]
    post = await world.post(ada)
    store = LabelStore(world.url)
    rows = [
        (lab.did, ada.did, "", "spam", False, CTS, None),
        (lab.did, post.uri, "", "rude", False, CTS, "2999-01-01T00:00:00Z"),
        (lab.did, post.uri, "", "expired", False, CTS, "2001-01-01T00:00:00+14:00"),
        (lab.did, post.uri, "", "taken-back", True, CTS, None),
        (other.did, post.uri, "", "elsewhere", False, CTS, None),
    ]
    await store.save(lab.did, 7, rows)
    assert await store.cursor(lab.did) == 7

    async def seen(*labelers: str) -> tuple[set[str], set[str]]:
        headers = {"atproto-accept-labelers": ", ".join(labelers)} if labelers else None
        response = await client.ask("app.bsky.feed.getPosts", {"uris": post.uri}, headers=headers)
        (view,) = orjson.loads(response.body)["posts"] or [{"labels": [], "author": {"labels": []}}]
        return values(view["labels"]), values(view["author"]["labels"])

    assert await seen() == (set(), set())
    assert await seen(lab.did) == ({"rude"}, {"spam"})
    assert await seen(lab.did, other.did) == ({"rude", "elsewhere"}, {"spam"})
    answer = await client.get(
        "com.atproto.label.queryLabels", {"uriPatterns": [post.uri, ada.did], "sources": lab.did}
    )
    assert values(answer["labels"]) == {"rude", "spam"}


async def test_a_takedown_by_a_labeler_hides_only_where_it_may_redact(world: World, client: Client) -> None:
    ada, lab = [await world.account(name, profile={}) for name in ("ada", "lab")]
    post = await world.post(ada)
    await LabelStore(world.url).save(lab.did, 1, [(lab.did, post.uri, "", "!takedown", False, CTS, None)])
    for header, count in ((lab.did, 1), (f"{lab.did};redact", 0)):
        response = await client.ask(
            "app.bsky.feed.getPosts", {"uris": post.uri}, headers={"atproto-accept-labelers": header}
        )
        assert len(orjson.loads(response.body)["posts"]) == count


def values(labels: list[dict[str, Any]]) -> set[str]:
    return {label["val"] for label in labels}
