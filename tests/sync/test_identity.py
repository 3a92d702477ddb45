"""Identities from real local servers: a directory, did:web hosts, DNS, well-known documents."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import anyio
import dns.asyncresolver
import pytest
from coincurve import PrivateKey

from indexer.errors import IdentityError, IdentityNotFound
from indexer.sync.account_keys import AccountKeys
from indexer.sync.did_document import DidDocument
from indexer.sync.fetch import Fetcher, Response
from indexer.sync.handles import HandleLookup
from indexer.sync.identity import IdentityResolver, IdentitySettings
from indexer.sync.keys import format_did_key
from tests.sync.servers import Answer, DnsServer, HttpServer, http_server

pytestmark = pytest.mark.anyio

ALICE = "did:plc:ewvi7nxzyoun6zhxrhs64oiz"


def key(number: int) -> bytes:
    return b"\x01" + PrivateKey(bytes([number]) * 32).public_key.format(compressed=True)


def document(did: str = ALICE, handle: str = "alice.test", number: int = 1) -> bytes:
    method = {
        "id": f"{did}#atproto",
        "type": "Multikey",
        "controller": did,
        "publicKeyMultibase": format_did_key(key(number)).removeprefix("did:key:"),
    }
    return json.dumps({"id": did, "alsoKnownAs": [f"at://{handle}"], "verificationMethod": [method]}).encode()


class Network:
    """A resolver with a clock of its own over an HTTP server that is directory and handle resolver at once."""

    def __init__(self, http: HttpServer, **changes: Any) -> None:
        self.http = http
        self.now = 0.0
        settings = IdentitySettings(
            plc_url=http.url + "/",
            handle_resolver_url=http.url,
            allowed_tlds=frozenset(("test",)),
            allow_private=True,
            timeout=0.5,
        )
        self.resolver = IdentityResolver(replace(settings, **changes), clock=lambda: self.now)

    def publish(self, did: str = ALICE, handle: str = "alice.test", number: int = 1) -> None:
        self.http.routes[f"/{did}"] = Answer(document(did, handle, number))

    def point(self, handle: str, did: str) -> None:
        self.http.routes[f"{handle} /.well-known/atproto-did"] = Answer(did.encode() + b"\n")


@asynccontextmanager
async def network(http: HttpServer, **changes: Any) -> AsyncIterator[Network]:
    made = Network(http, **changes)
    async with made.resolver:
        yield made


async def test_a_directory_account_with_its_handle(http: HttpServer) -> None:
    async with network(http) as net:
        net.publish()
        net.point("alice.test", ALICE)
        found = await net.resolver.resolve(ALICE)
        assert found.signing_key == key(1)
        assert await net.resolver.verified_handle(found) == "alice.test"
        assert await net.resolver.resolve_handle("Alice.Test") == ALICE
        await net.resolver.resolve(ALICE)
    assert len(http.asked) == 2


async def test_a_handle_that_does_not_point_back(http: HttpServer) -> None:
    async with network(http) as net:
        net.publish()
        net.point("alice.test", "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa")
        assert await net.resolver.verified_handle(await net.resolver.resolve(ALICE)) is None
        net.resolver.forget(ALICE, "ALICE.test")
        del http.routes["alice.test /.well-known/atproto-did"]
        assert await net.resolver.verified_handle(await net.resolver.resolve(ALICE)) is None


async def test_an_unreachable_resolver_proves_nothing_about_a_handle(http: HttpServer) -> None:
    async with network(http) as net:
        net.publish()
        http.routes["alice.test /.well-known/atproto-did"] = Answer(b"", 503)
        found = await net.resolver.resolve(ALICE)
        with pytest.raises(IdentityError) as caught:
            await net.resolver.verified_handle(found)
        assert not isinstance(caught.value, IdentityNotFound)
        # Asked again only after failure_ttl, and then right.
        net.point("alice.test", ALICE)
        with pytest.raises(IdentityError):
            await net.resolver.verified_handle(found)
        net.now += 10
        assert await net.resolver.verified_handle(found) == "alice.test"


@pytest.mark.parametrize(
    "handle", ["alice.local", "alice.example", "alice.onion", "alice", "a..test", "x" * 250 + ".com", ""]
)
async def test_handles_that_are_never_asked_for(http: HttpServer, handle: str) -> None:
    async with network(http) as net:
        with pytest.raises(IdentityNotFound):
            await net.resolver.resolve_handle(handle)
    async with network(http, allowed_tlds=frozenset()) as strict:
        with pytest.raises(IdentityNotFound, match="public domain"):
            await strict.resolver.resolve_handle("alice.test")
    assert http.asked == []


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(b"", 404), IdentityNotFound),
        (Answer(b"", 410), IdentityNotFound),
        (Answer(b"", 500), IdentityError),
        (Answer(b"", 429), IdentityError),
        (Answer(b"not json"), IdentityError),
        (Answer(document("did:plc:aaaaaaaaaaaaaaaaaaaaaaaa")), IdentityError),
        (Answer(b" " * 300_000), IdentityError),
        (Answer(document(), delay=1.0), IdentityError),
    ],
)
async def test_what_the_directory_may_answer(
    http: HttpServer, answer: Answer, error: type[Exception]
) -> None:
    http.routes[f"/{ALICE}"] = answer
    async with network(http) as net:
        with pytest.raises(IdentityError) as caught:
            await net.resolver.resolve(ALICE)
        assert type(caught.value) is error
        # It holds for a while: short for a failure, longer for "does not exist".
        net.publish()
        with pytest.raises(error):
            await net.resolver.resolve(ALICE)
        net.now += 300 if error is IdentityNotFound else 10
        assert (await net.resolver.resolve(ALICE)).did == ALICE


@pytest.mark.parametrize(
    "did",
    [
        "did:plc:short",
        "did:key:zQ3shokFTS3brHcDQrn82RUDfCZESWL1ZdCEJwekUDPQiYBme",
        "did:web:a:b",
        "alice.test",
        "",
    ],
)
async def test_dids_that_are_never_asked_for(http: HttpServer, did: str) -> None:
    async with network(http) as net:
        with pytest.raises(IdentityNotFound):
            await net.resolver.resolve(did)
    assert http.asked == []


async def test_did_web(http: HttpServer) -> None:
    did = f"did:web:localhost%3A{http.port}"
    http.routes["/.well-known/did.json"] = Answer(document(did))
    async with network(http) as net:
        assert (await net.resolver.resolve(did)).signing_key == key(1)
    async with network(http, allow_private=False) as public:
        with pytest.raises(IdentityError):
            await public.resolver.resolve(did)
    assert len(http.asked) == 1


async def test_a_refresh_is_forced_at_most_once_in_an_interval(http: HttpServer) -> None:
    async with network(http) as net:
        net.publish()
        assert (await net.resolver.resolve(ALICE)).signing_key == key(1)
        net.publish(number=2)
        assert (await net.resolver.resolve(ALICE)).signing_key == key(1)
        assert (await net.resolver.refresh(ALICE)).signing_key == key(2)
        net.publish(number=3)
        for _ in range(5):
            assert (await net.resolver.refresh(ALICE)).signing_key == key(2)
        assert len(http.asked) == 2
        net.now += 30
        assert (await net.resolver.refresh(ALICE)).signing_key == key(3)


async def test_an_identity_event_makes_the_next_question_new(http: HttpServer) -> None:
    async with network(http) as net:
        net.publish()
        await net.resolver.resolve(ALICE)
        net.publish(number=2)
        net.resolver.forget(ALICE)
        assert (await net.resolver.resolve(ALICE)).signing_key == key(2)


async def test_at_most_so_many_lookups_at_once(http: HttpServer) -> None:
    running = most = 0

    async with network(http, concurrency=3) as net:

        async def counted(did: str) -> None:
            nonlocal running, most
            await net.resolver.resolve(did)

        inner = net.resolver._fetch_document

        async def watched(did: str) -> DidDocument:
            nonlocal running, most
            running += 1
            most = max(most, running)
            try:
                return await inner(did)
            finally:
                running -= 1

        net.resolver._fetch_document = watched  # type: ignore[method-assign]
        dids = [f"did:plc:{letter * 24}" for letter in "abcdefghijkl"]
        for did in dids:
            net.http.routes[f"/{did}"] = Answer(document(did), delay=0.02)
        async with anyio.create_task_group() as tasks:
            for did in dids:
                tasks.start_soon(counted, did)
    assert most == 3


class Domains(Fetcher):
    """Fetches https://<handle>/... from a local server: the tests own no domain with port 443."""

    def __init__(self, base: str) -> None:
        super().__init__(allow_private=True, timeout=0.3)
        self._base = base

    async def get(self, url: str, **options: Any) -> Response:
        return await super().get(self._base + url.removeprefix("https:/"), **options)


def resolver_at(port: int) -> dns.asyncresolver.Resolver:
    made = dns.asyncresolver.Resolver(configure=False)
    made.nameservers = ["127.0.0.1"]
    made.port = port
    made.cache = None
    return made


Setup = Callable[[DnsServer, HttpServer], None]


def txt(*texts: str) -> Setup:
    return lambda dns, http: dns.texts.update({"_atproto.alice.test": list(texts)})


def well_known(answer: Answer) -> Setup:
    return lambda dns, http: http.routes.update({"/alice.test/.well-known/atproto-did": answer})


def failing(dns: DnsServer, http: HttpServer) -> None:
    dns.failing.add("_atproto.alice.test")


def silent(dns: DnsServer, http: HttpServer) -> None:
    dns.silent.add("_atproto.alice.test")


OTHER = "did:web:alice.test"


@pytest.mark.parametrize(
    ("setups", "expected"),
    [
        ([txt(f"did={ALICE}")], ALICE),
        ([txt(f"did={ALICE[:9]}|{ALICE[9:]}")], ALICE),
        ([txt("v=spf1 -all", f"did={ALICE}")], ALICE),
        ([txt(f"did={ALICE}"), well_known(Answer(OTHER.encode()))], ALICE),
        ([txt(f"did={ALICE}", f"did={OTHER}")], IdentityNotFound),
        ([txt("did=nonsense")], IdentityNotFound),
        ([txt(), well_known(Answer(OTHER.encode()))], OTHER),
        ([well_known(Answer(f" {OTHER} \r\nmore".encode()))], OTHER),
        ([well_known(Answer(b"<html>"))], IdentityNotFound),
        ([well_known(Answer(OTHER.encode(), 404))], IdentityNotFound),
        ([well_known(Answer(b"", 302, {"Location": "/alice.test/moved"}))], IdentityNotFound),
        ([well_known(Answer(b"x" * 5000))], IdentityError),
        ([well_known(Answer(b"", 500))], IdentityError),
        ([], IdentityNotFound),
        ([failing], IdentityError),
        ([failing, well_known(Answer(OTHER.encode()))], OTHER),
        ([silent, well_known(Answer(OTHER.encode()))], OTHER),
        ([silent], IdentityError),
    ],
)
async def test_ways_to_resolve_a_handle(
    dns: DnsServer, http: HttpServer, setups: list[Setup], expected: str | type[Exception]
) -> None:
    for setup in setups:
        setup(dns, http)
    async with Domains(http.url) as domains, Fetcher(allow_private=True) as trusted:
        lookup = HandleLookup(domains, trusted, dns_resolver=resolver_at(dns.port), timeout=0.3)
        if isinstance(expected, str):
            assert await lookup.resolve("alice.test") == expected
        else:
            with pytest.raises(IdentityError) as caught:
                await lookup.resolve("alice.test")
            assert type(caught.value) is expected


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Answer(json.dumps({"did": ALICE}).encode()), ALICE),
        (Answer(b'{"error":"InvalidRequest","message":"no"}', 400), IdentityNotFound),
        (Answer(b'{"did":"alice"}'), IdentityNotFound),
        (Answer(b"[]"), IdentityNotFound),
        (Answer(b"{", 502), IdentityError),
        (Answer(b"{"), IdentityError),
    ],
)
async def test_resolving_by_another_service(
    http: HttpServer, answer: Answer, expected: str | type[Exception]
) -> None:
    http.routes["/xrpc/com.atproto.identity.resolveHandle?handle=alice.test"] = answer
    async with network(http, handle_resolver_url=None, handle_xrpc_url=http.url) as net:
        if isinstance(expected, str):
            assert await net.resolver.resolve_handle("alice.test") == expected
        else:
            with pytest.raises(IdentityError) as caught:
                await net.resolver.resolve_handle("alice.test")
            assert type(caught.value) is expected


async def test_keys_are_loaded_before_they_are_looked_up(http: HttpServer) -> None:
    stored: dict[str, bytes | None] = {ALICE: key(1)}
    saved: list[DidDocument] = []

    async def load(did: str) -> bytes | None:
        return stored.get(did)

    async def save(found: DidDocument) -> None:
        saved.append(found)

    bob = "did:plc:bbbbbbbbbbbbbbbbbbbbbbbb"
    async with network(http) as net:
        net.publish(number=2)
        net.publish(bob, "bob.test", 3)
        keys = AccountKeys(net.resolver, load, save)
        assert await keys.signing_key(ALICE, "atproto", refresh=False) == key(1)
        assert http.asked == []
        assert await keys.signing_key(bob, "atproto", refresh=False) == key(3)
        assert await keys.signing_key(ALICE, "atproto", refresh=True) == key(2)
        assert [found.did for found in saved] == [ALICE]
        assert await keys.signing_key(bob, "atproto_label", refresh=False) is None
        with pytest.raises(IdentityNotFound):
            await keys.signing_key("did:plc:aaaaaaaaaaaaaaaaaaaaaaaa", "atproto", refresh=False)


async def test_a_directory_that_is_down() -> None:
    with http_server() as server:
        made = Network(server)
    async with made.resolver:
        with pytest.raises(IdentityError, match="connection"):
            await made.resolver.resolve(ALICE)
