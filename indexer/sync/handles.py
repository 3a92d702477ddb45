"""Which DID a handle's domain names (atproto.com specification "handle").

Owns: the ways to ask (DNS TXT, well-known over https, a resolver that stands in for both in a test network)
and what each answer means. An answer is a DID, certainly none, or unknown for now. Knows nothing of DID
documents: that the DID claims the handle back is identity.py's business.
"""

from __future__ import annotations

from urllib.parse import quote

import anyio
import dns.asyncbackend
import dns.asyncresolver
import dns.exception
import dns.rdatatype
import dns.resolver
import orjson
from dns.rdtypes.txtbase import TXTBase

from indexer._fastpath.syntax import valid_did
from indexer.errors import IdentityError, IdentityNotFound
from indexer.sync.fetch import Fetcher, FetchError

MAX_WELL_KNOWN_BYTES = 4096
WELL_KNOWN_REDIRECTS = 3
MAX_TXT_RECORDS = 32


class HandleLookup:
    """Asks for handles. Each method returns a DID or raises: IdentityNotFound (certainly none), IdentityError
    (unknown).
    """

    def __init__(
        self,
        fetcher: Fetcher,
        trusted: Fetcher,
        *,
        resolver_url: str | None = None,
        xrpc_url: str | None = None,
        dns_resolver: dns.asyncresolver.Resolver | None = None,
        timeout: float = 5.0,
    ) -> None:
        """`fetcher` asks strangers' hosts, `trusted` the operator's.

        `resolver_url`: a server that answers `/.well-known/atproto-did` for every handle by the Host header;
        `xrpc_url`: one that answers com.atproto.identity.resolveHandle. With either, no public DNS or domain
        is asked. `dns_resolver`: None for the machine's own. `timeout`: seconds per question.
        """
        self._fetcher = fetcher
        self._trusted = trusted
        self._resolver_url = resolver_url.rstrip("/") if resolver_url else None
        self._xrpc_url = xrpc_url.rstrip("/") if xrpc_url else None
        self._dns = dns_resolver
        self._timeout = timeout

    async def resolve(self, handle: str) -> str:
        """The DID that `handle` (lower case, well-formed) names."""
        if self._resolver_url is not None:
            return await self._well_known(
                self._trusted, f"{self._resolver_url}/.well-known/atproto-did", handle, {"host": handle}, 0
            )
        if self._xrpc_url is not None:
            return await self._xrpc(self._xrpc_url, handle)
        dns_problem: IdentityError | None = None
        try:
            return await self._txt(handle)
        except IdentityNotFound:
            pass
        except IdentityError as error:
            dns_problem = error
        try:
            return await self._well_known(
                self._fetcher, f"https://{handle}/.well-known/atproto-did", handle, {}, WELL_KNOWN_REDIRECTS
            )
        except IdentityNotFound:
            if dns_problem is not None:
                # The name may still stand in DNS, which takes precedence: the handle is not proven wrong.
                raise dns_problem from None
            raise

    async def _txt(self, handle: str) -> str:
        name = f"_atproto.{handle}."
        try:
            if self._dns is None:
                self._dns = dns.asyncresolver.Resolver()
            with anyio.fail_after(self._timeout):
                # Named, because the library remembers the first event loop that it met.
                backend = dns.asyncbackend.get_backend(dns.asyncbackend.sniff())
                answer = await self._dns.resolve(
                    name, dns.rdatatype.TXT, lifetime=self._timeout, backend=backend
                )
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer) as error:
            raise IdentityNotFound(f"expected a TXT record at {name}, got {type(error).__name__}") from error
        except (dns.exception.DNSException, OSError) as error:
            raise IdentityError(
                f"expected a TXT record at {name}: {type(error).__name__}: {error}"
            ) from error
        texts = [
            b"".join(record.strings).decode("ascii", "replace")
            for record in list(answer)[:MAX_TXT_RECORDS]
            if isinstance(record, TXTBase)
        ]
        dids = [text[len("did=") :] for text in texts if text.startswith("did=")]
        # More than one is an error, not a choice (handle specification).
        if len(dids) != 1 or not valid_did(dids[0]):
            raise IdentityNotFound(f"expected one did=... TXT record at {name}, got {dids[:3]}")
        return dids[0]

    async def _well_known(
        self, fetcher: Fetcher, url: str, handle: str, headers: dict[str, str], redirects: int
    ) -> str:
        try:
            answer = await fetcher.get(
                url,
                headers=headers,
                max_bytes=MAX_WELL_KNOWN_BYTES,
                timeout=self._timeout,
                redirects=redirects,
            )
        except FetchError as error:
            raise IdentityError(f"expected the DID of {handle}: {error}") from error
        if answer.status == 429 or answer.status >= 500:
            raise IdentityError(f"expected the DID of {handle} from {url}, got status {answer.status}")
        text = answer.body.decode("utf-8", "replace").split("\n")[0].strip()
        if answer.status != 200 or not valid_did(text):
            raise IdentityNotFound(
                f"expected the DID of {handle} from {url}, got {answer.status} {text[:80]!r}"
            )
        return text

    async def _xrpc(self, base: str, handle: str) -> str:
        url = f"{base}/xrpc/com.atproto.identity.resolveHandle?handle={quote(handle)}"
        try:
            answer = await self._trusted.get(url, max_bytes=MAX_WELL_KNOWN_BYTES, timeout=self._timeout)
        except FetchError as error:
            raise IdentityError(f"expected the DID of {handle}: {error}") from error
        if answer.status == 429 or answer.status >= 500:
            raise IdentityError(f"expected the DID of {handle} from {url}, got status {answer.status}")
        try:
            body = orjson.loads(answer.body)
        except orjson.JSONDecodeError as error:
            raise IdentityError(f"expected JSON from {url}, got {answer.body[:80]!r}") from error
        did = body.get("did") if isinstance(body, dict) else None
        if answer.status != 200 or not isinstance(did, str) or not valid_did(did):
            raise IdentityNotFound(f"expected the DID of {handle} from {url}, got {answer.body[:80]!r}")
        return did
