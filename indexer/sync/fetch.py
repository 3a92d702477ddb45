"""HTTP GET from hosts that strangers name: PDSes, did:web hosts, handle domains, and directories that we
name.

Owns: the limits under which a foreign host is asked (time, bytes, redirects, connections) and the guard
against being sent to our own network: a name is resolved once, only public addresses of it are connected to,
and the connection goes to the address that was checked. Knows nothing of what is fetched. Runs on asyncio and
on Trio.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self
from urllib.parse import urljoin, urlsplit

import anyio
import httpcore

from indexer import __version__
from indexer.errors import UpstreamError

USER_AGENT = f"indexer/{__version__}"
ADDRESSES_TRIED = 3
CLOSE_SECONDS = 2.0
"""How long closing connections may take, during which nobody can cancel it."""
_REDIRECTS = frozenset((301, 302, 303, 307, 308))
_LOCATED_AT_V4 = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("2002::/16"))
"""NAT64 and 6to4 prefixes: IPv6 addresses behind which an IPv4 address of any kind may stand."""


class FetchError(UpstreamError):
    """A host cannot be reached or answers outside the limits. Trying again later may help."""


class AddressRefused(FetchError):
    """A URL leads to an address or a scheme that strangers may not send us to."""


class AnswerTooLarge(FetchError):
    """A host sends more than was asked for."""


@dataclass(frozen=True, slots=True)
class Response:
    """An answer: status, header names in lower case, the whole body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def is_public(address: str) -> bool:
    """Whether an IP address is reachable by anybody: not private, loopback, link-local, multicast or
    reserved.
    """
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            ip = ip.ipv4_mapped
        elif any(ip in network for network in _LOCATED_AT_V4):
            return False
    return ip.is_global and not ip.is_multicast


Place = tuple[str, int]
"""A host, in lower case, and a port."""

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443}


def places(urls: Iterable[str]) -> frozenset[Place]:
    """The hosts and ports of URLs; each name of the loopback stands for all of them."""
    found: set[Place] = set()
    for url in urls:
        parts = urlsplit(url if "://" in url else f"https://{url}")
        if parts.hostname:
            port = parts.port or _PORTS.get(parts.scheme, 443)
            names = _LOOPBACK if parts.hostname in _LOOPBACK else (parts.hostname,)
            found.update((name, port) for name in names)
    return frozenset(found)


class _GuardedBackend(httpcore.AsyncNetworkBackend):
    """Connects like anyio's backend, but only to public addresses and trusted places unless told otherwise."""

    def __init__(self, allow_private: bool, trusted: frozenset[Place]) -> None:
        self._allow_private = allow_private
        self._trusted = trusted
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        try:
            found = await anyio.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(f"expected an address of {host}: {error}") from error
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        any_address = self._allow_private or (host.lower(), port) in self._trusted
        allowed = [address for address in addresses if any_address or is_public(address)]
        if not allowed:
            raise AddressRefused(f"expected a public address of {host}, got {', '.join(addresses)}")
        problem: Exception | None = None
        for address in allowed[:ADDRESSES_TRIED]:
            try:
                return await self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                problem = error
        raise httpcore.ConnectError(f"expected a connection to {host}:{port}: {problem}")

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        raise AddressRefused(f"expected a TCP address, got the socket {path}")

    async def sleep(self, seconds: float) -> None:
        await anyio.sleep(seconds)


class Fetcher:
    """A pool of connections for GETs; an async context manager, used on the event loop that entered it.

    `allow_private`: connect to any address and over plain http as well (test networks, a directory of our
    own). `timeout`: seconds for a whole exchange, unless a call says otherwise. `trusted`: URLs whose hosts
    and ports the operator named: they may lie anywhere, whoever else names them.
    """

    def __init__(
        self,
        *,
        allow_private: bool = False,
        timeout: float = 5.0,
        max_connections: int = 64,
        ssl_context: ssl.SSLContext | None = None,
        trusted: Iterable[str] = (),
    ) -> None:
        self._allow_private = allow_private
        self._trusted = places(trusted)
        self._timeout = timeout
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=ssl_context or ssl.create_default_context(),
            max_connections=max_connections,
            max_keepalive_connections=max_connections,
            keepalive_expiry=30.0,
            network_backend=_GuardedBackend(allow_private, self._trusted),
        )

    async def __aenter__(self) -> Self:
        await self._pool.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with anyio.move_on_after(CLOSE_SECONDS, shield=True):
            await self._pool.__aexit__(kind, error, trace)

    async def get(
        self,
        url: str,
        *,
        max_bytes: int,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        redirects: int = 0,
    ) -> Response:
        """The answer to one GET, following at most `redirects` redirections (each one guarded like the
        first).

        Raises AddressRefused for a URL that is not https to a public address, FetchError where the host
        cannot be reached, exceeds `timeout` seconds or `max_bytes` bytes of body.
        """
        limit = self._timeout if timeout is None else timeout
        try:
            with anyio.fail_after(limit):
                for _ in range(redirects + 1):
                    async with self.stream(url, headers=headers, timeout=limit) as (status, fields, chunks):
                        body = bytearray()
                        async for chunk in chunks:
                            body += chunk
                            if len(body) > max_bytes:
                                raise AnswerTooLarge(
                                    f"expected at most {max_bytes} bytes from {url}, got more"
                                )
                    if status not in _REDIRECTS or "location" not in fields or redirects == 0:
                        return Response(status, fields, bytes(body))
                    url = urljoin(url, fields["location"])
        except TimeoutError as error:
            raise FetchError(f"expected an answer from {url} within {limit:g} s") from error
        raise FetchError(f"expected at most {redirects} redirections, got one more to {url}")

    @asynccontextmanager
    async def stream(
        self, url: str, *, headers: Mapping[str, str] | None = None, timeout: float | None = None
    ) -> AsyncIterator[tuple[int, dict[str, str], AsyncIterator[bytes]]]:
        """Status, headers and the body's chunks of one GET. `timeout` bounds the silence between two chunks.

        Raises as `get` does, also while the chunks are read; a body in a content coding is refused.
        """
        self._check(url)
        limit = self._timeout if timeout is None else timeout
        sent = {"user-agent": USER_AGENT, "accept-encoding": "identity"} | dict(headers or {})
        if "host" not in sent:
            sent["host"] = urlsplit(url).netloc.rpartition("@")[2]
        limits = {"connect": limit, "read": limit, "write": limit, "pool": limit}
        try:
            async with self._pool.stream(
                "GET",
                url,
                headers=[(name.encode("ascii"), value.encode("ascii")) for name, value in sent.items()],
                extensions={"timeout": limits},
            ) as answer:
                fields = {
                    name.decode("latin-1").lower(): value.decode("latin-1") for name, value in answer.headers
                }
                if fields.get("content-encoding", "identity").lower() not in ("", "identity"):
                    raise FetchError(
                        f"expected no content coding from {url}, got {fields['content-encoding']!r}"
                    )
                chunks = answer.aiter_stream()
                try:
                    yield answer.status, fields, chunks
                finally:
                    # A body left unread: its nested generators end only by running out, which a closed connection
                    # makes them do at once; a complete one has given its connection back already.
                    with anyio.move_on_after(CLOSE_SECONDS, shield=True):
                        await answer.aclose()
                        with suppress(Exception):
                            async for _ in chunks:
                                pass
        except (
            httpcore.NetworkError,
            httpcore.ProtocolError,
            httpcore.TimeoutException,
            httpcore.ProxyError,
            httpcore.UnsupportedProtocol,
            OSError,
            UnicodeError,
        ) as error:
            if isinstance(error, TimeoutError):
                raise
            raise FetchError(f"expected an answer from {url}: {type(error).__name__}: {error}") from error

    def _check(self, url: str) -> None:
        try:
            parts = urlsplit(url)
            right = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        except ValueError:
            right = False
        if not right or not url.isascii() or any(character <= " " for character in url):
            raise AddressRefused(f"expected an http or https URL, got {url[:200]!r}")
        if self._allow_private or places([url]) & self._trusted:
            return
        if parts.scheme != "https":
            raise AddressRefused(f"expected an https URL, got {url[:200]!r}")
        if parts.username is not None:
            raise AddressRefused(f"expected a URL without credentials, got {url[:200]!r}")
