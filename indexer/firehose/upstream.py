"""Upstream addresses: from what an operator writes to what is connected to.

Owns the syntax and the canonical key under which a cursor is stored. Knows nothing of sockets.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from indexer.errors import ConfigError

SUBSCRIBE_REPOS = "/xrpc/com.atproto.sync.subscribeRepos"

_EXPECTED = (
    "expected a host such as `bsky.network`, or a URL such as `wss://bsky.network` or `ws://localhost:2583`"
)
_SCHEMES = {"": "wss", "wss": "wss", "https": "wss", "ws": "ws", "http": "ws"}
_DEFAULT_PORTS = {"wss": 443, "ws": 80}


@dataclass(frozen=True, slots=True)
class Upstream:
    """One relay or PDS whose firehose is followed: `scheme` is `ws` or `wss`, `path` the stream's path
    without a query."""

    scheme: str
    host: str
    port: int
    path: str = SUBSCRIBE_REPOS

    @property
    def authority(self) -> str:
        """`host` or `host:port`, the port only where it is not the scheme's own; IPv6 in brackets (RFC 3986,
        3.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def key(self) -> str:
        """What a cursor is stored under: sequence numbers belong to a host, whatever the path was spelled
        like."""
        return f"{self.scheme}://{self.authority}"

    @property
    def uses_tls(self) -> bool:
        return self.scheme == "wss"

    def target(self, cursor: int | None) -> str:
        """The request target: the path, with the cursor (a sequence number >= 0) as its query unless it is
        None (live tip)."""
        return self.path if cursor is None else f"{self.path}?{urlencode({'cursor': cursor})}"

    def subscribe_url(self, cursor: int | None) -> str:
        """The full URL of the stream from `cursor` on; None asks for the live tip."""
        return f"{self.key}{self.target(cursor)}"


def parse_upstream(text: str) -> Upstream:
    """Read an operator's address of a relay or PDS.

    Takes a host with an optional port, or a ws, wss, http or https URL; a path other than `/` replaces the
    standard one of subscribeRepos. Raises ConfigError, naming what was expected, for anything else.
    """
    address = text.strip()
    if not address or any(character.isspace() or not character.isprintable() for character in address):
        raise ConfigError(f"upstream {text!r}: {_EXPECTED}")
    try:
        parts = urlsplit(address if "://" in address else f"//{address}")
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ConfigError(f"upstream {text!r}: {error}; {_EXPECTED}") from None
    scheme = _SCHEMES.get(parts.scheme)
    if scheme is None:
        raise ConfigError(
            f"upstream {text!r}: scheme {parts.scheme!r} is not one of ws, wss, http, https; {_EXPECTED}"
        )
    if not host:
        raise ConfigError(f"upstream {text!r}: no host; {_EXPECTED}")
    if port == 0:
        raise ConfigError(f"upstream {text!r}: port 0 cannot be connected to; {_EXPECTED}")
    if parts.username is not None or parts.password is not None:
        raise ConfigError(f"upstream {text!r}: a user name or password has no meaning here; {_EXPECTED}")
    if parts.query or parts.fragment:
        raise ConfigError(
            f"upstream {text!r}: a query or fragment is not wanted, the cursor is kept for you; {_EXPECTED}"
        )
    return Upstream(
        scheme=scheme,
        host=_ascii_host(host, text),
        port=_DEFAULT_PORTS[scheme] if port is None else port,
        path=SUBSCRIBE_REPOS if parts.path in ("", "/") else parts.path,
    )


def _ascii_host(host: str, text: str) -> str:
    """The host in lower case and, where it is an international name, in its ASCII form."""
    if ":" in host:
        return host.lower()
    try:
        name = host.encode("idna").decode("ascii").lower()
    except UnicodeError as error:
        raise ConfigError(f"upstream {text!r}: {host!r} is not a host name ({error}); {_EXPECTED}") from None
    if not all(character.isalnum() or character in "-._" for character in name):
        raise ConfigError(f"upstream {text!r}: {host!r} is not a host name; {_EXPECTED}")
    return name
