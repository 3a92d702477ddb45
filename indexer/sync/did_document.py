"""DID documents: what an atproto service needs from the JSON of one.

Owns: which key, PDS and handle a document names, by the rules of the DID specification ("DID documents in
atproto") and of the reference (the first verification method with the id; the first at:// alias). Knows
nothing of how a document is fetched, nor whether the handle is verified.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import urlsplit

import orjson

from indexer._fastpath.syntax import valid_handle
from indexer.errors import IdentityError
from indexer.sync.keys import parse_verification_key

SIGNING_KEY = "atproto"
LABEL_KEY = "atproto_label"
PDS_SERVICE = "atproto_pds"
PDS_TYPE = "AtprotoPersonalDataServer"

MAX_ENTRIES = 32
"""Verification methods and services that are looked at, each: the rest of a longer list is ignored."""

MAX_ENDPOINT_LENGTH = 512


class Service(NamedTuple):
    """A service entry: its type and its endpoint, an http or https URL without a trailing slash."""

    kind: str
    endpoint: str


@dataclass(frozen=True, slots=True)
class DidDocument:
    """The parts of a DID document that matter here.

    `keys` maps a verification method's fragment ("atproto") to its 34-byte key; methods whose key does not
    parse are missing from it. `services` maps a service's fragment to its type and endpoint. `handle` is the
    claimed one, in lower case, not verified.
    """

    did: str
    handle: str | None = None
    keys: Mapping[str, bytes] = field(default_factory=dict)
    services: Mapping[str, Service] = field(default_factory=dict)

    @property
    def signing_key(self) -> bytes | None:
        """The key that signs commits and service tokens of the account."""
        return self.keys.get(SIGNING_KEY)

    @property
    def pds(self) -> str | None:
        """The URL of the account's PDS."""
        service = self.services.get(PDS_SERVICE)
        return service.endpoint if service is not None and service.kind == PDS_TYPE else None


def parse_did_document(data: bytes, did: str) -> DidDocument:
    """The document of `did` from its JSON.

    Raises IdentityError where the JSON is no object or is another DID's document. Anything missing or
    malformed inside is simply absent from the result: a document may be usable for one purpose and not for
    another.
    """
    try:
        document = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise IdentityError(
            f"expected the DID document of {did} as JSON, got {data[:40]!r}: {error}"
        ) from error
    if not isinstance(document, dict):
        raise IdentityError(f"expected the DID document of {did} as an object, got {type(document).__name__}")
    if document.get("id") != did:
        raise IdentityError(
            f"expected the DID document of {did}, got one of {str(document.get('id'))[:100]!r}"
        )
    return DidDocument(
        did=did,
        handle=_claimed_handle(document),
        keys=_keys(document, did),
        services=_services(document, did),
    )


def _entries(
    document: Mapping[str, object], name: str, did: str
) -> Iterator[tuple[str, Mapping[str, object]]]:
    """The (fragment, entry) pairs of a list whose ids are `#fragment` or `did#fragment`."""
    listed = document.get(name)
    for entry in listed[:MAX_ENTRIES] if isinstance(listed, list) else ():
        identifier = entry.get("id") if isinstance(entry, dict) else None
        if isinstance(identifier, str):
            owner, separator, fragment = identifier.partition("#")
            if separator and fragment and owner in ("", did):
                yield fragment, entry


def _keys(document: Mapping[str, object], did: str) -> dict[str, bytes]:
    keys: dict[str, bytes] = {}
    seen: set[str] = set()
    for fragment, entry in _entries(document, "verificationMethod", did):
        kind, text = entry.get("type"), entry.get("publicKeyMultibase")
        if fragment in seen or not isinstance(kind, str) or not isinstance(text, str):
            seen.add(fragment)
            continue
        seen.add(fragment)
        try:
            keys[fragment] = parse_verification_key(kind, text)
        except IdentityError:
            # The first method with this id counts, as in the reference: a later one must not stand in for it.
            continue
    return keys


def _services(document: Mapping[str, object], did: str) -> dict[str, Service]:
    services: dict[str, Service] = {}
    seen: set[str] = set()
    for fragment, entry in _entries(document, "service", did):
        kind, endpoint = entry.get("type"), entry.get("serviceEndpoint")
        if fragment not in seen and isinstance(kind, str) and isinstance(endpoint, str) and _is_url(endpoint):
            services[fragment] = Service(kind, endpoint.rstrip("/"))
        seen.add(fragment)
    return services


def _is_url(text: str) -> bool:
    if len(text) > MAX_ENDPOINT_LENGTH:
        return False
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        return False


def _claimed_handle(document: Mapping[str, object]) -> str | None:
    aliases = document.get("alsoKnownAs")
    for alias in aliases[:MAX_ENTRIES] if isinstance(aliases, list) else ():
        if isinstance(alias, str) and alias.startswith("at://"):
            handle = alias[len("at://") :].lower()
            return handle if valid_handle(handle) else None
    return None
