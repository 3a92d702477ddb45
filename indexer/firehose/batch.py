"""What the firehose gives to the next stage."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FrameBatch:
    """Frames of one upstream, in the order in which it sent them.

    `upstream` is the key that its cursor is stored under (or the name of a file), `received_at` seconds since
    1970. `connection` counts that upstream's connections: whoever drops one (`Follower.fail`) can tell its
    late batches from those of the next.
    """

    upstream: str
    frames: list[bytes]
    received_at: float
    connection: int = 0
