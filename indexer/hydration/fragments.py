"""JSON that one request made and later ones can use again: what of a post or account is the same for every viewer.

Owns the memory for it, bounded in bytes, for the life of an API worker. Keys hold the digests of the records that a
fragment was made of, so an entry is never wrong; it only stops being asked for.
"""

from __future__ import annotations

from typing import Any

_OVERHEAD = 200


class Fragments:
    """A bounded memory of JSON by key. Past `limit` bytes the older half is forgotten."""

    def __init__(self, limit: int = 64 * 2**20) -> None:
        self._limit = limit
        self._size = 0
        self._kept: dict[Any, tuple[bytes, ...]] = {}

    def get(self, key: Any) -> tuple[bytes, ...] | None:
        return self._kept.get(key)

    def put(self, key: Any, parts: tuple[bytes, ...]) -> None:
        self._kept[key] = parts
        self._size += _OVERHEAD + sum(map(len, parts))
        if self._size > self._limit:
            self._forget()

    def _forget(self) -> None:
        kept = list(self._kept.items())[len(self._kept) // 2 :]
        self._kept = dict(kept)
        self._size = sum(_OVERHEAD + sum(map(len, parts)) for _, parts in kept)
