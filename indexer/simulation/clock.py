"""The simulated network's time: sequence numbers, instants, and the TIDs made of them.

Owns the forms in which an instant is written (TID specification, datetime of the Lexicon specification).
Instants are microseconds since 1970 in UTC.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from indexer._fastpath.tid import to_text

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DEFAULT_START_US = 1_767_225_600_000_000
"""2026-01-01T00:00:00Z, where streams begin by default, so that their bytes depend on the seed only."""


def tid_at(instant_us: int, clock_id: int = 0) -> str:
    """The TID of an instant."""
    return to_text(instant_us << 10 | clock_id & 1023)


def datetime_text(instant_us: int) -> str:
    """An instant as records and events carry it: `2026-01-01T00:00:00.000Z`."""
    seconds, rest = divmod(instant_us, 1_000_000)
    return f"{_second_text(seconds)}.{rest // 1000:03d}Z"


@lru_cache(maxsize=64)
def _second_text(seconds: int) -> str:
    return f"{EPOCH + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S}"


def wall_clock_us() -> int:
    """Now."""
    return time.time_ns() // 1000


class EventClock:
    """Gives every event of one stream its sequence number and its instant.

    `step_us` apart from `start_us` on, or, with `now`, at that clock's instants (never twice the same).
    """

    def __init__(
        self,
        start_us: int = DEFAULT_START_US,
        step_us: int = 2857,
        first_seq: int = 1,
        now: Callable[[], int] | None = None,
    ) -> None:
        self.seq = first_seq - 1
        self.instant_us = start_us
        self.step_us = step_us
        self.now = now

    def tick(self) -> tuple[int, int]:
        """The next event's (sequence number, instant)."""
        self.seq += 1
        self.instant_us += self.step_us if self.now is None else 1
        if self.now is not None:
            self.instant_us = max(self.instant_us, self.now())
        return self.seq, self.instant_us
