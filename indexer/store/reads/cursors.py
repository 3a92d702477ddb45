"""Keyset pagination: where a page ended, as clients carry it, and how the next one is read.

Rows are ordered by (time, CID) descending, and by account where two have written the same record in the same
millisecond. The tables' indexes order by time only, so a page is read with every row of its last millisecond and cut
here: pages neither repeat nor skip rows, whatever is written between them.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime
from typing import NamedTuple, Protocol, TypeVar

from indexer.errors import InvalidRequest

#: Later than any time that a row can have.
LATEST = 2**62

# Times that JavaScript's Date can hold: a cursor outside of them is malformed to every client.
_LIMIT = 8_640_000_000_000_000


class Cursor(NamedTuple):
    """The (time in ms, place within it) of the last row that a client has seen; what follows is smaller."""

    time: int
    place: str

    @classmethod
    def parse(cls, text: str | None) -> Cursor | None:
        """A client's `{ms}__{cid}`; None at the start. InvalidRequest for anything else."""
        if not text:
            return None
        parts = text.split("__")
        if len(parts) != 2 or not all(parts):
            raise InvalidRequest("Malformed cursor")
        time = _leading_integer(parts[0])
        if time is None or abs(time) > _LIMIT:
            raise InvalidRequest("Malformed cursor")
        return cls(time, parts[1])

    def text(self) -> str:
        return f"{self.time}__{self.place}"


def _leading_integer(text: str) -> int | None:
    stripped = text.strip()
    sign = -1 if stripped.startswith("-") else 1
    digits = stripped.lstrip("+-") if stripped[:1] in "+-" else stripped
    count = next((i for i, character in enumerate(digits) if character not in "0123456789"), len(digits))
    return sign * int(digits[:count]) if count else None


def parse_time_cursor(text: str | None) -> int | None:
    """A client's ISO time (notifications); None at the start. InvalidRequest for anything else."""
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidRequest("Malformed cursor") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return math.floor(moment.timestamp() * 1000)


def of_an_older_kind(text: str | None) -> bool:
    """Cursors of the API's first version hold `::`; who sends one gets an empty page instead of an error."""
    return text is not None and "::" in text


def place(cid: str, actor: int) -> str:
    """Orders rows of one time: by CID as the reference does, then by account, for equal records have equal CIDs."""
    return f"{cid}.{actor:x}"


class Sorted(Protocol):
    """A row with a place in a list."""

    @property
    def sort_at(self) -> int: ...

    @property
    def place(self) -> str: ...


Item = TypeVar("Item", bound=Sorted)


def newest_first(items: Iterable[Item]) -> list[Item]:
    return sorted(items, key=_order, reverse=True)


def _order(item: Sorted) -> tuple[int, str]:
    return (item.sort_at, item.place)


async def read_page(
    fetch: Callable[[int, int], Awaitable[list[Item]]], cursor: Cursor | None, wanted: int
) -> list[Item]:
    """At least `wanted` rows after the cursor, newest first, or all there are.

    `fetch(latest, count)` gives rows with time <= `latest`: at least `count` if there are, complete in their last
    millisecond.
    """
    count = wanted
    while True:
        rows = await fetch(LATEST if cursor is None else cursor.time, count)
        kept = rows if cursor is None else [row for row in rows if (row.sort_at, row.place) < cursor]
        if len(kept) >= wanted or len(rows) < count:
            return newest_first(kept)
        count = len(rows) + wanted


def cut(items: list[Item], limit: int) -> tuple[list[Item], str | None]:
    """The first `limit` rows and the cursor after them, if more follow."""
    page = items[:limit]
    if len(items) <= limit or not page:
        return page, None
    return page, Cursor(page[-1].sort_at, page[-1].place).text()
