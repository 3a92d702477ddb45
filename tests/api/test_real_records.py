"""Every query over records of a real PDS, ingested by the real pipeline, as several viewers.

Each answer must fit its lexicon (the client's own check) and, independent of that, the models of the atproto SDK.
"""

from __future__ import annotations

import importlib
import json
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from indexer.api.application import Application
from indexer.api.auth import Authenticator, audiences_of
from indexer.api.router import all_endpoints
from indexer.api.services import Services
from indexer.sync.did_document import DidDocument, parse_did_document
from tests.api.conftest import SERVICE, Client
from tests.api.world import Account, World

_BSKY = "app.bsky."


@dataclass
class Asked:
    """What was asked, and how often it was answered."""

    client: Client
    answers: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)

    async def __call__(self, nsid: str, params: dict[str, Any], viewer: Account | None) -> dict[str, Any]:
        """The answer to a right question; {} for an error that the lexicon foresees."""
        response = await self.client.ask(nsid, params, viewer=viewer)
        assert response.status in (200, 400, 401), (nsid, params, response)
        if response.status != 200:
            return {}
        self.answers[nsid] += 1
        value: dict[str, Any] = json.loads(response.body)
        self.problems += [
            f"{nsid} {params}: {problem}" for problem in self.client.lexicons.problems(nsid, value)
        ]
        self.problems += [f"{nsid} {params}: {problem}" for problem in sdk_problems(nsid, value)]
        return value


def sdk_problems(nsid: str, value: dict[str, Any]) -> list[str]:
    """What the SDK's model of an answer has against it; nothing where the SDK is not installed or has no such model."""
    try:
        models = importlib.import_module("atproto_client.models")
    except ImportError:
        return []
    name = "".join(part[0].upper() + part[1:] for part in nsid.split("."))
    model = getattr(getattr(models, name, None), "Response", None)
    if model is None:
        return []
    try:
        model.model_validate(value)
    except ValueError as error:
        return [str(error)[:500]]
    return []


def test_the_sdk_sees_wrong_answers() -> None:
    pytest.importorskip("atproto_client")
    assert sdk_problems("app.bsky.feed.getTimeline", {"feed": [{"post": {}}]})
    assert not sdk_problems("app.bsky.feed.getTimeline", {"feed": []})


class FeedServices:
    """In the place of the directory: every DID is a running feed generator's."""

    async def resolve(self, did: str) -> DidDocument:
        service = {"id": "#bsky_fg", "type": "BskyFeedGenerator", "serviceEndpoint": "https://feeds.test"}
        return parse_did_document(json.dumps({"id": did, "service": [service]}).encode(), did)


@pytest.mark.anyio
async def test_every_answer_over_real_records_is_in_schema(
    ingested: dict[str, str], world: World, client: Client, services: Services
) -> None:
    client.application = Application(
        replace(services, identities=FeedServices()),
        Authenticator(client.keys, audiences=audiences_of(SERVICE)),
    )
    for did, handle in ingested.items():
        await world.connection.execute("UPDATE actor SET handle = $2 WHERE did = $1", did, handle)
    rows = await world.connection.fetch(
        "SELECT id, did, handle FROM actor WHERE indexed_at IS NOT NULL ORDER BY id"
    )
    accounts = [Account(row["id"], row["did"], row["handle"]) for row in rows]
    assert len(accounts) > 5
    await world.make_searchable()
    ask = Asked(client)
    for viewer in (None, *accounts[:4]):
        posts = await _ask_about_accounts(ask, accounts, viewer)
        await _ask_about_posts(ask, posts[:30], viewer)
        if viewer is not None:
            await _ask_own(ask, viewer)
    assert ask.problems == []
    assert ask.answers.total() > 300
    queries = {
        nsid for nsid, endpoint in all_endpoints().items() if endpoint.body is None and not endpoint.admin
    }
    assert set(ask.answers) == queries, "each was answered at least once"


async def _ask_about_accounts(ask: Asked, accounts: list[Account], viewer: Account | None) -> list[str]:
    posts: dict[str, None] = {}
    for account in accounts[:12]:
        actor = {"actor": account.did}
        await ask(_BSKY + "actor.getProfile", actor, viewer)
        for feed_filter in (
            "posts_with_replies",
            "posts_no_replies",
            "posts_with_media",
            "posts_and_author_threads",
        ):
            answer = await ask(
                _BSKY + "feed.getAuthorFeed", {**actor, "filter": feed_filter, "includePins": "true"}, viewer
            )
            posts.update(dict.fromkeys(item["post"]["uri"] for item in answer.get("feed", ())))
        for nsid in ("getFollows", "getFollowers", "getKnownFollowers", "getLists", "getActorStarterPacks",
                     "getSuggestedFollowsByActor", "getListsWithMembership"):  # fmt: skip
            answer = await ask(f"{_BSKY}graph.{nsid}", actor, viewer)
            for found in answer.get("lists", ()):
                await ask(_BSKY + "graph.getList", {"list": found["uri"]}, viewer)
                await ask(_BSKY + "feed.getListFeed", {"list": found["uri"]}, viewer)
            for found in answer.get("starterPacks", ()):
                await ask(_BSKY + "graph.getStarterPack", {"starterPack": found["uri"]}, viewer)
                await ask(_BSKY + "graph.getStarterPacks", {"uris": found["uri"]}, viewer)
        feeds = await ask(_BSKY + "feed.getActorFeeds", actor, viewer)
        for found in feeds.get("feeds", ()):
            await ask(_BSKY + "feed.getFeedGenerators", {"feeds": found["uri"]}, viewer)
            await ask(_BSKY + "feed.getFeedGenerator", {"feed": found["uri"]}, viewer)
        profile = {"repo": account.did, "collection": "app.bsky.actor.profile", "rkey": "self"}
        await ask("com.atproto.repo.getRecord", profile, viewer)
    dids = [account.did for account in accounts[:25]]
    await ask(_BSKY + "actor.getProfiles", {"actors": dids}, viewer)
    await ask(_BSKY + "graph.getRelationships", {"actor": dids[0], "others": dids[1:]}, viewer)
    await ask(_BSKY + "labeler.getServices", {"dids": dids, "detailed": "true"}, viewer)
    await ask(_BSKY + "actor.searchActors", {"q": "test"}, viewer)
    await ask(_BSKY + "actor.searchActorsTypeahead", {"q": "ali"}, viewer)
    await ask(_BSKY + "unspecced.getConfig", {}, viewer)
    for sort in ("latest", "top"):
        await ask(_BSKY + "feed.searchPosts", {"q": "*", "sort": sort, "limit": 100}, viewer)
    await ask("com.atproto.identity.resolveHandle", {"handle": accounts[0].handle}, viewer)
    await ask("com.atproto.label.queryLabels", {"uriPatterns": dids[:3], "sources": dids[0]}, viewer)
    return list(posts)


async def _ask_about_posts(ask: Asked, posts: list[str], viewer: Account | None) -> None:
    assert posts
    await ask(_BSKY + "feed.getPosts", {"uris": posts[:25]}, viewer)
    for uri in posts:
        await ask(_BSKY + "feed.getPostThread", {"uri": uri}, viewer)
        await ask(_BSKY + "unspecced.getPostThreadV2", {"anchor": uri}, viewer)
        await ask(_BSKY + "unspecced.getPostThreadOtherV2", {"anchor": uri}, viewer)
        for nsid in ("getLikes", "getRepostedBy", "getQuotes"):
            await ask(f"{_BSKY}feed.{nsid}", {"uri": uri}, viewer)


async def _ask_own(ask: Asked, viewer: Account) -> None:
    for nsid in ("feed.getTimeline", "notification.listNotifications", "notification.getUnreadCount",
                 "notification.getPreferences", "notification.listActivitySubscriptions", "graph.getBlocks",
                 "graph.getMutes", "graph.getListBlocks", "graph.getListMutes", "bookmark.getBookmarks",
                 "actor.getSuggestions"):  # fmt: skip
        await ask(_BSKY + nsid, {}, viewer)
    await ask(_BSKY + "feed.getActorLikes", {"actor": viewer.did}, viewer)
