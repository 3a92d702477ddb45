"""The operator's methods: takedowns behind a password, and nothing there without one."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest

from indexer.api.application import Application
from indexer.api.auth import Authenticator, audiences_of
from indexer.api.services import open_services
from indexer.config import Settings
from indexer.sync.identity import IdentityResolver, IdentitySettings
from tests.api.conftest import SERVICE, Client, Keys
from tests.api.lexicon import Lexicons
from tests.api.world import World

pytestmark = pytest.mark.anyio

ADMIN = "com.atproto.admin."
PASSWORD = "correct horse"


@pytest.fixture
async def operated(world: World, lexicons: Lexicons) -> AsyncIterator[Client]:
    """A client of a server whose operator has set a password."""
    settings = Settings(postgres_url=world.url, service_did=SERVICE, admin_password=PASSWORD)
    keys = Keys()
    authenticator = Authenticator(keys, audiences=audiences_of(SERVICE), admin_passwords=[PASSWORD])
    async with (
        IdentityResolver(IdentitySettings()) as identities,
        open_services(settings, identities) as services,
    ):
        yield Client(Application(services, authenticator), keys, lexicons)


async def ask(
    client: Client,
    nsid: str,
    params: dict[str, Any] | None = None,
    *,
    password: str = PASSWORD,
    body: object = None,
) -> tuple[int, Any]:
    basic = base64.b64encode(f"admin:{password}".encode()).decode()
    response = await client.ask(nsid, params, headers={"authorization": f"Basic {basic}"}, body=body)
    value = orjson.loads(response.body)
    assert response.status != 200 or client.lexicons.problems(nsid, value) == []
    return response.status, value


def account(did: str) -> dict[str, str]:
    return {"$type": "com.atproto.admin.defs#repoRef", "did": did}


def record(uri: str) -> dict[str, str]:
    return {
        "$type": "com.atproto.repo.strongRef",
        "uri": uri,
        "cid": "bafyreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku",
    }


async def test_without_a_password_there_are_no_admin_methods(world: World, client: Client) -> None:
    ada = await world.account("ada", profile={})
    for nsid, params in (("getSubjectStatus", {"did": ada.did}), ("getAccountInfos", {"dids": ada.did})):
        status, value = await ask(client, ADMIN + nsid, params)
        assert (status, value["error"]) == (501, "MethodNotImplemented")
    body = {"subject": account(ada.did), "takedown": {"applied": True}}
    assert (await ask(client, ADMIN + "updateSubjectStatus", body=body))[0] == 501


async def test_a_wrong_password_is_refused(world: World, operated: Client) -> None:
    ada = await world.account("ada", profile={})
    params = {"did": ada.did}
    for password in ("", "correct", PASSWORD + "!"):
        status, value = await ask(operated, ADMIN + "getSubjectStatus", params, password=password)
        assert (status, value["error"]) == (401, "AuthenticationRequired")
    response = await operated.ask(ADMIN + "getSubjectStatus", params)
    assert response.status == 401
    response = await operated.ask(ADMIN + "getSubjectStatus", params, viewer=ada)
    assert response.status == 401


async def test_accounts_are_taken_down_and_let_up_again(world: World, operated: Client) -> None:
    ada = await world.account("ada", profile={"displayName": "Ada"})
    post = await world.post(ada)
    await world.make_searchable()
    body = {"subject": account(ada.did), "takedown": {"applied": True, "ref": "case 1"}}
    assert await ask(operated, ADMIN + "updateSubjectStatus", body=body) == (200, body)
    status = (200, {"subject": account(ada.did), "takedown": {"applied": True, "ref": "case 1"}})
    assert await ask(operated, ADMIN + "getSubjectStatus", {"did": ada.did}) == status
    assert (await operated.error("app.bsky.actor.getProfile", {"actor": ada.did}))[1] == "AccountTakedown"
    assert (await operated.get("app.bsky.feed.getPosts", {"uris": post.uri}))["posts"] == []
    assert (await operated.get("app.bsky.actor.searchActors", {"q": "ada"}))["actors"] == []
    code, infos = await ask(operated, ADMIN + "getAccountInfos", {"dids": [ada.did, "did:plc:" + "z" * 24]})
    assert code == 200
    assert [(info["did"], info["handle"]) for info in infos["infos"]] == [(ada.did, "ada.test")]
    body["takedown"] = {"applied": False}
    assert (await ask(operated, ADMIN + "updateSubjectStatus", body=body))[0] == 200
    assert len((await operated.get("app.bsky.feed.getPosts", {"uris": post.uri}))["posts"]) == 1
    assert (await ask(operated, ADMIN + "getSubjectStatus", {"did": ada.did}))[1]["takedown"] == {
        "applied": False
    }


async def test_records_are_taken_down_and_let_up_again(world: World, operated: Client) -> None:
    ada = await world.account("ada", profile={})
    post = await world.post(ada, "needle")
    reply = await world.post(ada, "a reply", reply=post)
    uri = await world.list(ada, "app.bsky.graph.defs#curatelist", [])
    await world.make_searchable()

    async def seen() -> list[int]:
        thread = await operated.get("app.bsky.feed.getPostThread", {"uri": reply.uri})
        return [
            len((await operated.get("app.bsky.feed.getPosts", {"uris": post.uri}))["posts"]),
            len((await operated.get("app.bsky.feed.searchPosts", {"q": "needle"}))["posts"]),
            len((await operated.get("app.bsky.graph.getLists", {"actor": ada.did}))["lists"]),
            int("post" in thread["thread"].get("parent", {})),
        ]

    assert await seen() == [1, 1, 1, 1]
    for subject in (post.uri, uri):
        body = {"subject": record(subject), "takedown": {"applied": True}}
        assert (await ask(operated, ADMIN + "updateSubjectStatus", body=body))[0] == 200
        _, value = await ask(operated, ADMIN + "getSubjectStatus", {"uri": subject})
        assert value["takedown"]["applied"] is True
        repo, collection, rkey = subject.removeprefix("at://").split("/")
        error = await operated.error(
            "com.atproto.repo.getRecord", {"repo": repo, "collection": collection, "rkey": rkey}
        )
        assert error == (400, "RecordNotFound")
    assert await seen() == [0, 0, 0, 0]
    assert (await operated.error("app.bsky.feed.getPostThread", {"uri": post.uri}))[1] == "NotFound"
    found = await operated.get("com.atproto.label.queryLabels", {"uriPatterns": post.uri, "sources": SERVICE})
    assert [label["val"] for label in found["labels"]] == ["!takedown"]
    for subject in (post.uri, uri):
        body = {"subject": record(subject), "takedown": {"applied": False}}
        assert (await ask(operated, ADMIN + "updateSubjectStatus", body=body))[0] == 200
    assert await seen() == [1, 1, 1, 1]


async def test_wrong_subjects_are_refused(world: World, operated: Client) -> None:
    nsid = ADMIN + "getSubjectStatus"
    for params in (
        {},
        {"did": "did:plc:" + "z" * 24},
        {"uri": f"at://did:plc:{'z' * 24}/app.bsky.feed.post/3jzf"},
    ):
        assert (await ask(operated, nsid, params))[0] == 400
    taken = {"applied": True}
    blob = {"$type": "com.atproto.admin.defs#repoBlobRef", "did": "did:plc:a", "cid": "b"}
    bad_cid = record(f"at://did:plc:{'z' * 24}/app.bsky.feed.post/3jzf") | {"cid": "x"}
    for subject in (account("x"), record("at://x"), bad_cid, blob, {"$type": "other"}, {}):
        body = {"subject": subject, "takedown": taken}
        assert (await ask(operated, ADMIN + "updateSubjectStatus", body=body))[0] == 400
