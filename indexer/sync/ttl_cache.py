"""A bounded cache of lookups whose outcomes, good or bad, hold for a while.

Owns: expiry, eviction (least recently used), and that concurrent askers of one key share one lookup. Knows
nothing of what is looked up. Runs on asyncio and on Trio; one event loop per cache.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Generic, NamedTuple, TypeVar

import anyio

from indexer.errors import IndexerError

Key = TypeVar("Key")
Value = TypeVar("Value")


class Outcome(NamedTuple, Generic[Value]):
    """What a lookup gave: a value or an error, and for how many seconds that holds."""

    value: Value | None
    error: IndexerError | None
    seconds: float


class _Flight(Generic[Value]):
    """A lookup under way, and its outcome once it landed (none if it was cancelled)."""

    def __init__(self) -> None:
        self.landed = anyio.Event()
        self.outcome: Outcome[Value] | None = None


class LookupCache(Generic[Key, Value]):
    """At most `entries` outcomes. `clock` gives seconds that never go back."""

    def __init__(self, entries: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = entries
        self._clock = clock
        self._entries: OrderedDict[Key, tuple[Outcome[Value], float]] = OrderedDict()
        self._flights: dict[Key, _Flight[Value]] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def drop(self, key: Key) -> None:
        """Forget what is known of `key`; a lookup under way is not joined any more either."""
        self._entries.pop(key, None)
        self._flights.pop(key, None)

    async def get(self, key: Key, lookup: Callable[[], Awaitable[Outcome[Value]]]) -> Value | None:
        """The value of `key`, from the cache or by `lookup`, which is run once however many ask meanwhile.

        Raises the outcome's error (a fresh instance of it each time).
        """
        while True:
            held = self._entries.get(key)
            if held is not None and self._clock() < held[1]:
                self._entries.move_to_end(key)
                return _unwrap(held[0])
            flight = self._flights.get(key)
            if flight is None:
                return _unwrap(await self._look_up(key, lookup))
            await flight.landed.wait()
            if flight.outcome is not None:
                return _unwrap(flight.outcome)

    async def _look_up(self, key: Key, lookup: Callable[[], Awaitable[Outcome[Value]]]) -> Outcome[Value]:
        flight: _Flight[Value] = _Flight()
        self._flights[key] = flight
        try:
            outcome = await lookup()
            flight.outcome = outcome
            if self._flights.get(key) is flight and outcome.seconds > 0:
                self._entries[key] = (outcome, self._clock() + outcome.seconds)
                self._entries.move_to_end(key)
                if len(self._entries) > self._limit:
                    self._entries.popitem(last=False)
            return outcome
        finally:
            if self._flights.get(key) is flight:
                del self._flights[key]
            flight.landed.set()


def _unwrap(outcome: Outcome[Value]) -> Value | None:
    if outcome.error is not None:
        # A shared instance would grow a traceback with every raise.
        raise type(outcome.error)(*outcome.error.args)
    return outcome.value
