"""What resolving has to know of a DID or handle beyond its syntax (which `_fastpath.syntax` checks).

Owns: the forms of the two DID methods of atproto and the top-level domains that can never resolve
(specifications "did" and "handle"). Knows nothing of networks: a well-formed identifier need not exist.
"""

from __future__ import annotations

import re

INVALID_HANDLE = "handle.invalid"

DISALLOWED_TLDS = frozenset(
    ("alt", "arpa", "example", "internal", "invalid", "local", "localhost", "onion", "test")
)
"""Top-level domains under which no handle may be served (handle specification); `test` is for test networks.
"""

_PLC = re.compile(r"did:plc:[a-z2-7]{24}")
_WEB = re.compile(r"did:web:([a-zA-Z0-9.-]+)(?:%3[Aa]([0-9]{1,5}))?")


def is_plc(did: str) -> bool:
    """Whether `did` is a did:plc in its only form: 24 characters of base32."""
    return _PLC.fullmatch(did) is not None


def web_authority(did: str) -> tuple[str, int | None] | None:
    """The host and explicit port that a did:web names, None for anything else (also a did:web with a path)."""
    match = _WEB.fullmatch(did)
    if match is None:
        return None
    host, port = match[1].lower(), match[2]
    if port is not None and not 0 < int(port) < 65536:
        return None
    return host, None if port is None else int(port)


def top_level_domain(handle: str) -> str:
    """The last label of a handle, in lower case."""
    return handle.rpartition(".")[2].lower()
