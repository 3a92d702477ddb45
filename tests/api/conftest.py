"""The application of one API worker over a fresh database, and a client that signs its requests like a PDS."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import asyncpg
import orjson
import pytest
import trio
import zstandard
from coincurve import PrivateKey

from indexer.api.application import Application, Request, Response
from indexer.api.auth import Authenticator, audiences_of
from indexer.api.services import Services, open_services
from indexer.app import run_replay
from indexer.config import Settings
from indexer.sync.identity import IdentityResolver, IdentitySettings
from tests.api.lexicon import Lexicons
from tests.api.world import Account, World

SERVICE = "did:web:appview.test"
_SCHEMA = (Path(__file__).parents[2] / "indexer/store/migrations/0001_initial.sql").read_text()


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    """Workers of the API run on asyncio under uvloop."""
    return ("asyncio", {"use_uvloop": True})


@pytest.fixture(scope="session")
def lexicons() -> Lexicons:
    """The API's schemas."""
    return Lexicons(Path(str(files("indexer.api.lexicons"))))


@pytest.fixture
async def world(postgres_url: str) -> AsyncIterator[World]:
    """An empty world, in a migrated database."""
    connection = await asyncpg.connect(postgres_url)
    if await connection.fetchval("SELECT to_regclass('actor')") is None:
        await connection.execute(_SCHEMA)
    yield World(connection, postgres_url)
    await connection.close()


@pytest.fixture
def ingested(postgres_url: str, shared_directory: Path) -> dict[str, str]:
    """DID -> handle of the accounts of the recorded firehose, whose records are in the database."""
    vectors = shared_directory / "vectors" / "pds-frames"
    trio.run(run_replay, Settings(postgres_url=postgres_url), vectors / "basic.frames.zst")
    packed = (vectors / "basic.did_docs.json.zst").read_bytes()
    documents = json.loads(zstandard.ZstdDecompressor().stream_reader(packed).read())
    return {
        did: known.removeprefix("at://")
        for did, document in documents.items()
        for known in document.get("alsoKnownAs", ())[:1]
    }


@pytest.fixture
async def services(postgres_url: str, world: World) -> AsyncIterator[Services]:
    settings = Settings(postgres_url=postgres_url, service_did=SERVICE)
    async with (
        IdentityResolver(IdentitySettings()) as identities,
        open_services(settings, identities) as opened,
    ):
        yield opened


@dataclass
class Keys:
    """Signing keys of the test's accounts, in the place of the store and the PLC directory."""

    known: dict[str, PrivateKey] = field(default_factory=dict)

    def of(self, did: str) -> PrivateKey:
        return self.known.setdefault(did, PrivateKey())

    async def signing_key(self, did: str, fragment: str, *, refresh: bool) -> bytes | None:
        return b"\x01" + self.of(did).public_key.format()


def part(value: object) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(value)).rstrip(b"=").decode()


def service_token(key: PrivateKey, did: str, nsid: str) -> str:
    """A token as a PDS makes it for its account `did`, to call the method `nsid` of this server."""
    now = int(time.time())
    claims = {"iss": did, "aud": SERVICE, "lxm": nsid, "iat": now, "exp": now + 60}
    signed = f"{part({'typ': 'JWT', 'alg': 'ES256K'})}.{part(claims)}"
    signature = key.sign_recoverable(signed.encode())[:64]
    return f"{signed}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


@dataclass
class Client:
    """Asks the application as one account or another."""

    application: Application
    keys: Keys
    lexicons: Lexicons

    async def ask(
        self,
        nsid: str,
        params: dict[str, Any] | None = None,
        *,
        viewer: Account | None = None,
        headers: dict[str, str] | None = None,
        body: object = None,
    ) -> Response:
        """The raw answer; a success fits its lexicon."""
        query = urlencode(
            {name: value for name, value in (params or {}).items() if value is not None}, doseq=True
        )
        given = dict(headers or {})
        if viewer is not None:
            given["authorization"] = f"Bearer {self.token(viewer.did, nsid)}"
        data = b""
        if body is not None:
            data = orjson.dumps(body)
            given["content-type"] = "application/json"
        method = "GET" if body is None else "POST"
        response = await self.application.answer(Request(method, f"/xrpc/{nsid}", query, given, data))
        if response.status == 200:
            value = orjson.loads(response.body) if response.body else None
            assert self.lexicons.problems(nsid, value) == []
        return response

    def token(self, did: str, nsid: str) -> str:
        return service_token(self.keys.of(did), did, nsid)

    async def get(
        self, nsid: str, params: dict[str, Any] | None = None, *, viewer: Account | None = None
    ) -> dict[str, Any]:
        """The answer's value; fails the test where it is not a success."""
        response = await self.ask(nsid, params, viewer=viewer)
        assert response.status == 200, (response.status, response.body)
        value: dict[str, Any] = orjson.loads(response.body)
        return value

    async def error(
        self, nsid: str, params: dict[str, Any] | None = None, *, viewer: Account | None = None
    ) -> tuple[int, str]:
        """(status, error name); fails the test on a success."""
        response = await self.ask(nsid, params, viewer=viewer)
        assert response.status >= 400, response.body
        return response.status, orjson.loads(response.body)["error"]

    async def walk(
        self, nsid: str, params: dict[str, Any], items: str, *, viewer: Account | None = None
    ) -> list[Any]:
        """All pages' items."""
        found: list[Any] = []
        cursor = None
        for _ in range(1000):
            page = await self.get(nsid, {**params, "cursor": cursor}, viewer=viewer)
            found += page[items]
            cursor = page.get("cursor")
            if cursor is None:
                return found
        raise AssertionError(f"{nsid} does not end")


@pytest.fixture
async def client(services: Services, lexicons: Lexicons) -> Client:
    """Its successful answers are checked against their lexicons."""
    keys = Keys()
    authenticator = Authenticator(keys, audiences=audiences_of(SERVICE))
    return Client(Application(services, authenticator), keys, lexicons)
