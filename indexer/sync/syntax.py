"""Syntax of DIDs and handles (atproto.com specifications "did" and "handle").

Owns: what a well-formed identifier looks like and the top-level domains that can never resolve. Knows nothing
of networks: a well-formed identifier need not exist.
"""

from __future__ import annotations

import re

MAX_DID_LENGTH = 2048
MAX_HANDLE_LENGTH = 253

INVALID_HANDLE = "handle.invalid"

DISALLOWED_TLDS = frozenset(
    ("alt", "arpa", "example", "internal", "invalid", "local", "localhost", "onion", "test")
)
"""Top-level domains under which no handle may be served (handle specification); `test` is for test networks.
"""

_DID = re.compile(r"did:[a-z]+:[a-zA-Z0-9._:%-]*[a-zA-Z0-9._-]")
_PLC = re.compile(r"did:plc:[a-z2-7]{24}")
_WEB = re.compile(r"did:web:([a-zA-Z0-9.-]+)(?:%3[Aa]([0-9]{1,5}))?")
_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
_HANDLE = re.compile(rf"(?:{_LABEL}\.)+[a-zA-Z](?:[a-zA-Z0-9-]{{0,61}}[a-zA-Z0-9])?")


def is_did(text: str) -> bool:
    """Whether `text` is a DID of any method."""
    return len(text) <= MAX_DID_LENGTH and _DID.fullmatch(text) is not None


def is_plc(did: str) -> bool:
    """Whether `did` is a did:plc in its only form: 24 characters of base32."""
    return _PLC.fullmatch(did) is not None


def web_authority(did: str) -> tuple[str, int | None] | None:
    """The host and explicit port that a did:web names, None for anything else (a did:web with a path is
    refused).
    """
    match = _WEB.fullmatch(did)
    if match is None:
        return None
    host, port = match[1].lower(), match[2]
    if port is not None and not 0 < int(port) < 65536:
        return None
    return host, None if port is None else int(port)


def is_handle(text: str) -> bool:
    """Whether `text` is a well-formed handle (in any case; whether its domain is allowed is another
    question).
    """
    return len(text) <= MAX_HANDLE_LENGTH and _HANDLE.fullmatch(text) is not None


def top_level_domain(handle: str) -> str:
    """The last label of a handle, in lower case."""
    return handle.rpartition(".")[2].lower()
