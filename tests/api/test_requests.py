"""What every method has in common: parameters, errors, headers, pages beside the API."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

import msgspec
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.api.application import Request
from indexer.api.parameters import pairs
from indexer.api.router import all_endpoints
from indexer.store.reads.cursors import Cursor, parse_time_cursor
from tests.api.conftest import SERVICE, Client
from tests.api.lexicon import Lexicons
from tests.api.world import World

pytestmark = pytest.mark.anyio

TIMELINE = "app.bsky.feed.getTimeline"


@pytest.mark.parametrize(
    "params",
    [{"limit": "0"}, {"limit": "101"}, {"limit": "abc"}, {"limit": "1.5"}, {"limit": [1, 2]}, {"cursor": "abc"},
     {"cursor": "1__"}, {"cursor": "x__bafyreiaaa"}, {"cursor": "1__a__b"}, {"cursor": "9999999999999999999__a"}],
)  # fmt: skip
async def test_wrong_parameters_are_refused(world: World, client: Client, params: dict[str, object]) -> None:
    ada = await world.account("ada", profile={})
    assert await client.error(TIMELINE, params, viewer=ada) == (400, "InvalidRequest")


async def test_empty_and_unknown_parameters_are_ignored(world: World, client: Client) -> None:
    ada = await world.account("ada", profile={})
    assert await client.get(TIMELINE, {"limit": "", "cursor": "", "nonsense": "1"}, viewer=ada) == {
        "feed": []
    }
    assert await client.get(TIMELINE, {"cursor": "123::abc"}, viewer=ada) == {"feed": []}


@given(st.text(alphabet="ab=&%+;# 2é", max_size=40))
def test_query_strings_are_read_as_the_standard_library_reads_them(query: str) -> None:
    assert pairs(query) == parse_qsl(query)


@pytest.mark.parametrize("actor", ["not a handle", "did:bad", "nobody.test", "did:plc:" + "a" * 24, ""])
async def test_unknown_actors_are_refused(client: Client, actor: str) -> None:
    assert await client.error("app.bsky.actor.getProfile", {"actor": actor}) == (400, "InvalidRequest")


async def test_lists_of_parameters_have_their_limit(client: Client) -> None:
    actors = ["did:plc:" + "a" * 24] * 26
    assert await client.error("app.bsky.actor.getProfiles", {"actors": actors}) == (400, "InvalidRequest")
    assert await client.get("app.bsky.actor.getProfiles", {"actors": actors[:25]}) == {"profiles": []}


async def test_methods_that_are_not_served_say_so(client: Client) -> None:
    assert await client.error("com.example.other.method") == (501, "MethodNotImplemented")
    response = await client.ask(TIMELINE, body={})
    assert response.status == 400


async def test_pages_beside_the_api(client: Client) -> None:
    async def page(path: str) -> tuple[int, bytes]:
        response = await client.application.answer(Request("GET", path, "", {}))
        return response.status, response.body

    assert (await page("/"))[0] == 200
    status, body = await page("/xrpc/_health")
    assert (status, set(orjson.loads(body))) == (200, {"version"})
    status, body = await page("/.well-known/did.json")
    document = orjson.loads(body)
    assert document["id"] == SERVICE
    status, body = await page("/openapi.json")
    assert (status, orjson.loads(body)["openapi"]) == (200, "3.1.0")
    assert {service["id"]: service["type"] for service in document["service"]}[
        "#bsky_appview"
    ] == "BskyAppView"
    assert (await page("/nothing"))[0] == 404


async def test_answers_tell_revision_and_labelers(world: World, client: Client) -> None:
    ada = await world.account("ada", profile={})
    labeler = await world.account("lab", profile={})
    response = await client.ask(
        TIMELINE, viewer=ada, headers={"atproto-accept-labelers": f"{labeler.did};redact, did:plc:{'z' * 24}"}
    )
    assert len(response.headers["atproto-repo-rev"]) == 13
    assert response.headers["atproto-content-labelers"] == f"{labeler.did};redact"
    assert response.headers["access-control-allow-origin"] == "*"


def test_parameters_are_those_of_the_lexicons(lexicons: Lexicons) -> None:
    for nsid, endpoint in all_endpoints().items():
        defined = lexicons.parameters(nsid)
        made, components = msgspec.json.schema_components([endpoint.params])
        ours = components[endpoint.params.__name__]
        assert made
        assert set(ours["properties"]) == set(defined.get("properties", {})), nsid
        assert set(ours.get("required", ())) == set(defined.get("required", ())), nsid
        for name, definition in defined.get("properties", {}).items():
            described = _limits(ours["properties"][name])
            assert described == _limits(definition), (nsid, name)


_SAME = {"maxItems": "maxLength", "minItems": "minLength"}


def _limits(definition: dict[str, Any]) -> dict[str, Any]:
    """Type, format, default and limits of a parameter, from a JSON Schema of ours or from a lexicon."""
    parts = [part for part in definition.get("anyOf", [definition]) if part.get("type") != "null"]
    part = {
        **parts[0],
        **{name: definition[name] for name in ("default",) if definition.get(name) is not None},
    }
    found = {
        _SAME.get(name, name): part[name]
        for name in ("type", "format", "default", "minimum", "maximum", "maxLength", "maxItems")
        if part.get(name) not in (None, [])
    }
    if "items" in part:
        found["items"] = _limits(part["items"])
    return found


def test_cursors_round_trip() -> None:
    cursor = Cursor(1700000000123, "bafyreiaaa")
    assert Cursor.parse(cursor.text()) == cursor
    assert parse_time_cursor("2024-01-01T00:00:00.123Z") == 1704067200123
