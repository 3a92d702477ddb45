"""Identities: DID documents, keys and verified handles of accounts.

Owns: which method resolves where (did:plc at the directory, did:web at its host), how long an answer holds,
how often a refresh may be forced, how many lookups run at once, and the two-way check of a handle. Knows no
tables: what was found is kept in a bounded cache here, and handed to whoever persists it. Runs on asyncio and
on Trio; one resolver per loop.
"""

from __future__ import annotations

import ssl
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Self, TypeVar

import anyio
import dns.asyncresolver

from indexer._fastpath.syntax import valid_handle
from indexer.config import Settings
from indexer.errors import IdentityError, IdentityNotFound
from indexer.sync.did_document import DidDocument, parse_did_document
from indexer.sync.directory import Directory
from indexer.sync.fetch import Fetcher, FetchError
from indexer.sync.handles import HandleLookup
from indexer.sync.identifiers import (
    DISALLOWED_TLDS,
    is_plc,
    top_level_domain,
    web_authority,
)
from indexer.sync.ttl_cache import LookupCache, Outcome

Found = TypeVar("Found")

MAX_DOCUMENT_BYTES = 256 * 1024
MOST_CONNECTIONS = 32
"""To hosts other than the directory, at once."""


@dataclass(frozen=True, slots=True)
class IdentitySettings:
    """How identities are resolved. Times in seconds.

    plc_url: the directory of did:plc. handle_resolver_url, handle_xrpc_url: see HandleLookup. allowed_tlds:
    of the disallowed top-level domains those that are served all the same ("test" in a test network).
    allow_private: did:web hosts and handle domains may lie in private networks and be reached over http.
    timeout: of one question to a stranger. concurrency: lookups at once. cache_entries: documents and handles
    kept, each. document_ttl, handle_ttl: how long a found one holds; not_found_ttl, failure_ttl: how long
    "does not exist" and "cannot be known now" hold. refresh_interval: the least time between two forced
    refreshes of one DID.
    """

    plc_url: str = "https://plc.directory"
    handle_resolver_url: str | None = None
    handle_xrpc_url: str | None = None
    allowed_tlds: frozenset[str] = frozenset()
    allow_private: bool = False
    timeout: float = 5.0
    concurrency: int = 256
    cache_entries: int = 50_000
    document_ttl: float = 3600.0
    handle_ttl: float = 600.0
    not_found_ttl: float = 300.0
    failure_ttl: float = 10.0
    refresh_interval: float = 30.0

    @classmethod
    def of(cls, settings: Settings) -> IdentitySettings:
        """What the program's settings say. A resolver of one's own is asked for the handles of test networks too."""
        return cls(
            plc_url=settings.plc_url,
            handle_resolver_url=settings.handle_resolver_url,
            allowed_tlds=frozenset({"test"} if settings.handle_resolver_url is not None else ()),
            allow_private=settings.allow_private_hosts,
        )


class IdentityResolver:
    """Resolves DIDs and handles; an async context manager."""

    def __init__(
        self,
        settings: IdentitySettings | None = None,
        *,
        dns_resolver: dns.asyncresolver.Resolver | None = None,
        ssl_context: ssl.SSLContext | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`dns_resolver`, `ssl_context`: None for the machine's own. `clock`: seconds that never go back."""
        self.settings = settings or IdentitySettings()
        chosen = self.settings
        self._clock = clock
        self._plc_url = chosen.plc_url.rstrip("/")
        connections = min(MOST_CONNECTIONS, chosen.concurrency)
        self._directory = Directory(self._plc_url, timeout=chosen.timeout, ssl_context=ssl_context)
        self._strangers = Fetcher(
            allow_private=chosen.allow_private,
            timeout=chosen.timeout,
            max_connections=connections,
            ssl_context=ssl_context,
        )
        self._trusted = Fetcher(
            allow_private=True,
            timeout=chosen.timeout,
            max_connections=connections,
            ssl_context=ssl_context,
        )
        self._handles = HandleLookup(
            self._strangers,
            self._trusted,
            resolver_url=chosen.handle_resolver_url,
            xrpc_url=chosen.handle_xrpc_url,
            dns_resolver=dns_resolver,
            timeout=chosen.timeout,
        )
        self._documents: LookupCache[str, DidDocument] = LookupCache(chosen.cache_entries, clock)
        self._dids: LookupCache[str, str] = LookupCache(chosen.cache_entries, clock)
        self._refreshed: OrderedDict[str, float] = OrderedDict()
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        self._limit = anyio.Semaphore(self.settings.concurrency)
        await self._stack.enter_async_context(self._directory)
        await self._stack.enter_async_context(self._strangers)
        await self._stack.enter_async_context(self._trusted)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def resolve(self, did: str) -> DidDocument:
        """The DID document of `did`, possibly from the cache.

        Raises IdentityNotFound where the DID certainly does not exist (also a DID that is malformed or of a
        method that atproto does not know), IdentityError where that cannot be known now.
        """
        document = await self._documents.get(
            did, lambda: self._outcome(lambda: self._fetch_document(did), self.settings.document_ttl)
        )
        assert document is not None  # a lookup gives a document or an error
        return document

    async def refresh(self, did: str) -> DidDocument:
        """Like `resolve`, but asked anew unless that was already forced within `refresh_interval`.

        For a signature that does not fit: the key may have changed. The limit keeps a stranger's bad
        signatures from becoming a flood of questions to the directory.
        """
        now, last = self._clock(), self._refreshed.get(did)
        if last is None or now - last >= self.settings.refresh_interval:
            self._refreshed[did] = now
            self._refreshed.move_to_end(did)
            if len(self._refreshed) > self.settings.cache_entries:
                self._refreshed.popitem(last=False)
            self._documents.drop(did)
        return await self.resolve(did)

    def forget(self, did: str, handle: str | None = None) -> None:
        """Drop what is cached of an account: an #identity event says that something changed."""
        self._documents.drop(did)
        if handle is not None:
            self._dids.drop(handle.lower())

    async def resolve_handle(self, handle: str) -> str:
        """The DID that a handle names, one way only. Raises as `resolve` does."""
        name = handle.lower()
        if not valid_handle(name):
            raise IdentityNotFound(f"expected a handle, got {handle[:100]!r}")
        domain = top_level_domain(name)
        if domain in DISALLOWED_TLDS and domain not in self.settings.allowed_tlds:
            raise IdentityNotFound(f"expected a handle under a public domain, got {name}")
        did = await self._dids.get(
            name, lambda: self._outcome(lambda: self._handles.resolve(name), self.settings.handle_ttl)
        )
        assert did is not None  # a lookup gives a DID or an error
        return did

    async def verified_handle(self, document: DidDocument) -> str | None:
        """The handle that `document` claims, if its domain names the same DID; None where it certainly does
        not.

        Raises IdentityError where that cannot be known now: then an older verdict may stand.
        """
        if document.handle is None:
            return None
        try:
            named = await self.resolve_handle(document.handle)
        except IdentityNotFound:
            return None
        return document.handle if named == document.did else None

    async def _outcome(self, fetch: Callable[[], Awaitable[Found]], seconds: float) -> Outcome[Found]:
        """What `fetch` gives and how long that holds: `seconds` if it is found."""
        try:
            async with self._limit:
                return Outcome(await fetch(), None, seconds)
        except IdentityNotFound as error:
            return Outcome(None, error, self.settings.not_found_ttl)
        except IdentityError as error:
            return Outcome(None, error, self.settings.failure_ttl)

    async def _fetch_document(self, did: str) -> DidDocument:
        try:
            if is_plc(did):
                url = f"{self._plc_url}/{did}"
                status, body = await self._directory.get(f"/{did}", max_bytes=MAX_DOCUMENT_BYTES)
            else:
                url = self._web_document_url(did)
                answer = await self._strangers.get(
                    url,
                    headers={"accept": "application/did+ld+json, application/json"},
                    max_bytes=MAX_DOCUMENT_BYTES,
                )
                status, body = answer.status, answer.body
        except FetchError as error:
            raise IdentityError(f"expected the DID document of {did}: {error}") from error
        # The directory says 410 of a tombstoned DID. What else a host answers proves nothing.
        if status in (404, 410):
            raise IdentityNotFound(f"expected the DID document of {did} at {url}, got status {status}")
        if status != 200:
            raise IdentityError(f"expected the DID document of {did} at {url}, got status {status}")
        return parse_did_document(body, did)

    def _web_document_url(self, did: str) -> str:
        authority = web_authority(did)
        if authority is None:
            raise IdentityNotFound(f"expected a did:plc or a did:web without a path, got {did[:100]!r}")
        host, port = authority
        # Only a test network has a did:web of this host, and none has a certificate for it.
        scheme = "http" if self.settings.allow_private and host == "localhost" else "https"
        place = host if port is None else f"{host}:{port}"
        return f"{scheme}://{place}/.well-known/did.json"
