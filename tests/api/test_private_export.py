"""Private state survives a full re-index: written to a file, read into a new database, and the answers are the same."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import orjson
import pytest
import trio

from indexer._fastpath.tid import to_text
from indexer.api.application import Application
from indexer.api.auth import Authenticator, audiences_of
from indexer.api.services import open_services
from indexer.app import run_replay
from indexer.cli import private_state
from indexer.config import Settings
from indexer.errors import FileFormatError
from indexer.records.collections import LIST
from indexer.sync.identity import IdentityResolver, IdentitySettings
from tests.api.conftest import SERVICE, Client, Keys
from tests.api.lexicon import Lexicons
from tests.api.world import Account

GRAPH, NOTES, BOOKMARK = "app.bsky.graph.", "app.bsky.notification.", "app.bsky.bookmark."
QUESTIONS = (
    GRAPH + "getMutes", GRAPH + "getListMutes", BOOKMARK + "getBookmarks", NOTES + "getPreferences",
    NOTES + "listActivitySubscriptions", NOTES + "getUnreadCount", NOTES + "listNotifications",
    "app.bsky.feed.getTimeline",
)  # fmt: skip


@pytest.fixture
def other_url(postgres_url: str, migrated_template: str) -> Iterator[str]:
    """A second database."""
    name = urlsplit(postgres_url).path.strip("/") + "_again"

    async def execute(statement: str) -> None:
        connection = await asyncpg.connect(postgres_url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    asyncio.run(execute(f"CREATE DATABASE {name} TEMPLATE {migrated_template}"))
    yield urlunsplit(urlsplit(postgres_url)._replace(path=f"/{name}"))
    asyncio.run(execute(f"DROP DATABASE {name} WITH (FORCE)"))


def on(url: str, lexicons: Lexicons, use: Any) -> Any:
    """What `use(client)` gives for a client of the API over the database at `url`."""

    async def run() -> Any:
        async with (
            IdentityResolver(IdentitySettings()) as identities,
            open_services(Settings(postgres_url=url, service_did=SERVICE), identities) as services,
        ):
            keys = Keys()
            application = Application(services, Authenticator(keys, audiences=audiences_of(SERVICE)))
            return await use(Client(application, keys, lexicons))

    return asyncio.run(run())


async def answers(client: Client, viewers: list[Account]) -> dict[str, Any]:
    found = {}
    for viewer in viewers:
        for nsid in QUESTIONS:
            response = await client.ask(nsid, viewer=viewer)
            assert response.status == 200, response
            found[f"{nsid} {viewer.did}"] = orjson.loads(response.body)
    return found


async def make_private_state(client: Client, viewers: list[Account], uris: dict[str, list[str]]) -> None:
    async def tell(viewer: Account, nsid: str, body: dict[str, Any]) -> None:
        response = await client.ask(nsid, viewer=viewer, body=body)
        assert response.status == 200, (nsid, body, response)

    me, other, third, *_ = viewers
    await tell(me, GRAPH + "muteActor", {"actor": other.did})
    await tell(other, GRAPH + "muteActor", {"actor": third.did, "onlyReposts": True})
    await tell(me, GRAPH + "muteActor", {"actor": "did:plc:" + "y" * 24})
    for uri in uris["list"][:3]:
        await tell(me, GRAPH + "muteActorList", {"list": uri})
    await tell(me, GRAPH + "muteActorList", {"list": f"at://{other.did}/app.bsky.graph.list/rare-key"})
    for uri in uris["post"][:3]:
        await tell(third, GRAPH + "muteThread", {"root": uri})
    cid = "bafyreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"
    for uri in [*uris["post"][:5], f"at://{third.did}/app.bsky.feed.post/rare-key"]:
        await tell(me, BOOKMARK + "createBookmark", {"uri": uri, "cid": cid})
    await tell(me, NOTES + "updateSeen", {"seenAt": "2024-01-01T00:00:00.000Z"})
    await tell(me, NOTES + "putPreferences", {"priority": True})
    await tell(
        other, NOTES + "putPreferencesV2", {"like": {"include": "follows", "list": False, "push": True}}
    )
    await tell(me, NOTES + "putActivitySubscription",
               {"subject": third.did, "activitySubscription": {"post": True, "reply": False}})  # fmt: skip


async def accounts_and_records(url: str) -> tuple[list[Account], dict[str, list[str]]]:
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch(
            "SELECT id, did FROM actor WHERE indexed_at IS NOT NULL ORDER BY did LIMIT 4"
        )
        posts = await connection.fetch(
            "SELECT did, rkey FROM post JOIN actor a ON a.id = actor WHERE rkey > 0 ORDER BY 1, 2 LIMIT 9"
        )
        lists = await connection.fetch(
            "SELECT did, key AS rkey FROM record JOIN actor a ON a.id = actor"
            " WHERE kind = $1 AND key > 0 ORDER BY 1, 2",
            LIST,
        )
    finally:
        await connection.close()
    return [Account(row["id"], row["did"], "") for row in rows], {
        kind: [f"at://{row['did']}/{nsid}/{to_text(row['rkey'])}" for row in found]
        for kind, nsid, found in (
            ("post", "app.bsky.feed.post", posts),
            ("list", "app.bsky.graph.list", lists),
        )
    }


def test_private_state_survives_a_full_reindex(
    ingested: dict[str, str], postgres_url: str, other_url: str, lexicons: Lexicons, shared_directory: Path,
    tmp_path: Path,
) -> None:  # fmt: skip
    assert ingested
    viewers, uris = asyncio.run(accounts_and_records(postgres_url))
    assert len(uris["post"]) > 5
    assert uris["list"]
    on(postgres_url, lexicons, lambda client: make_private_state(client, viewers, uris))
    before = on(postgres_url, lexicons, lambda client: answers(client, viewers))
    asyncio.run(take_down(postgres_url, viewers[3].did))
    file = tmp_path / "private.jsonl"
    count = private_state.write(Settings(postgres_url=postgres_url), file)
    assert count > 15
    assert file.stat().st_mode & 0o077 == 0

    # The new database has the private state first: accounts that it has not seen get ids.
    other = Settings(postgres_url=other_url)
    assert private_state.read(other, file) == count
    trio.run(run_replay, other, shared_directory / "vectors/pds-frames/basic.frames.zst")
    assert private_state.read(other, file) == count, "once more changes nothing"
    again = tmp_path / "again.jsonl"
    private_state.write(other, again)
    assert again.read_bytes() == file.read_bytes()
    asyncio.run(take_down(other_url, None))
    assert on(other_url, lexicons, lambda client: answers(client, viewers)) == before


async def take_down(url: str, did: str | None) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("UPDATE actor SET takedown_ref = CASE WHEN did = $1 THEN 'ref' END", did)
    finally:
        await connection.close()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("nonsense", "line 3: expected a JSON object"),
        ('{"kind": "other"}', "line 3: expected a kind of mute"),
        ('{"kind": "seen", "actor": "did:plc:x"}', "line 3: expected the fields actor, seen_at, priority"),
        (
            '{"kind": "seen", "actor": "x", "seen_at": 1, "priority": true}',
            "line 3: expected actor to be did",
        ),
        (
            '{"kind": "seen", "actor": "did:plc:x", "seen_at": true, "priority": true}',
            "expected seen_at to be int",
        ),
        (
            '{"kind": "list_mute", "actor": "did:plc:x", "uri": "x", "created_at": 1}',
            "expected uri to be uri",
        ),
    ],
)
def test_a_file_with_a_wrong_line_changes_nothing(
    postgres_url: str, tmp_path: Path, line: str, message: str
) -> None:
    good = json.dumps({"kind": "seen", "actor": "did:plc:a", "seen_at": 1, "priority": False})
    header = '{"format":"indexer private state","version":1}'
    file = tmp_path / "file"
    file.write_text("\n".join((header, good, line)))
    settings = Settings(postgres_url=postgres_url)
    with pytest.raises(FileFormatError, match=message):
        private_state.read(settings, file)
    assert private_state.write(settings, tmp_path / "none") == 0
    file.write_text(good)
    with pytest.raises(FileFormatError, match="line 1: expected"):
        private_state.read(settings, file)
