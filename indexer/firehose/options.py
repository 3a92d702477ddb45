"""What can be chosen about following a firehose, and the figures that are kept about it.

Owns two dataclasses; knows nothing of how either is used.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass

from indexer.errors import ConfigError

# The largest message that the event-stream specification lets a server send.
MAX_MESSAGE_BYTES = 5_000_000


@dataclass(frozen=True, slots=True)
class FirehoseOptions:
    """Choices for one connection to an upstream; times in seconds, sizes in bytes. Bad values raise
    ConfigError.

    Memory of one connection is bounded by `buffer_bytes` (messages waiting here) + `batch_bytes` (the list
    being handed over) + one message of MAX_MESSAGE_BYTES each + `read_bytes`.
    """

    # Deframe data messages in Cython below trio-websocket; False leaves everything to trio-websocket.
    fast_path: bool = True
    # Upper bounds of one FrameBatch: it is handed over as soon as one of them is reached ...
    batch_frames: int = 4096
    # (1 MiB stays within a core's cache until it is decoded: larger lists are received at half the speed.)
    batch_bytes: int = 1 << 20
    # ... or this long after its first frame arrived.
    batch_wait: float = 0.003
    # Messages received but not handed over yet: beyond this, the socket is not read any more.
    buffer_bytes: int = 16 << 20
    # One read from the socket.
    read_bytes: int = 256 << 10
    connect_timeout: float = 20.0
    # How long a closing handshake may take before the socket is closed anyway.
    close_timeout: float = 1.0
    # Reconnect when no data (pings do not count) came for so long; 0 waits forever.
    data_timeout: float = 60.0
    # Full jitter: a wait is uniform between 0 and min(backoff_max, backoff_base * 2**failures).
    backoff_base: float = 0.5
    backoff_max: float = 60.0
    # A connection that lasted so long starts the back-off from the beginning.
    stable_after: float = 10.0
    user_agent: str = "indexer"
    # Replaces the system's certificate authorities (and certifi's) for wss.
    ssl_context: ssl.SSLContext | None = None

    def __post_init__(self) -> None:
        for name in ("batch_frames", "batch_bytes", "buffer_bytes", "read_bytes"):
            if getattr(self, name) < 1:
                raise ConfigError(f"firehose option {name}: expected at least 1, got {getattr(self, name)}")
        for name in ("connect_timeout", "close_timeout", "backoff_base", "backoff_max"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"firehose option {name}: expected seconds > 0, got {getattr(self, name)}")
        for name in ("batch_wait", "data_timeout", "stable_after"):
            if not getattr(self, name) >= 0:
                raise ConfigError(f"firehose option {name}: expected seconds >= 0, got {getattr(self, name)}")


@dataclass(slots=True)
class UpstreamStatus:
    """Figures of one upstream since this process started, for status and metrics; times in seconds since
    1970.

    `failures` counts the attempts since the last stable connection, `connections` every opened one.
    """

    upstream: str
    connected: bool = False
    connections: int = 0
    reconnects: int = 0
    failures: int = 0
    frames: int = 0
    bytes: int = 0
    batches: int = 0
    waiting_frames: int = 0
    waiting_bytes: int = 0
    connected_at: float | None = None
    last_data_at: float | None = None
    last_error: str | None = None
    last_error_at: float | None = None
    outdated_cursors: int = 0
    too_slow: int = 0
    infos: int = 0
