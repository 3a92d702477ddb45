"""Finding posts by their words and by who wrote what when, in the tables that store/search_index.py keeps.

The index of words knows no order of time. So that a word that everybody uses costs no more than a rare one, the latest
hours are searched first, then days, then months, until the page is full: a post carries marks of its hour, day and
month, which the index intersects with the words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from indexer._fastpath.syntax import parse_datetime
from indexer.errors import FrameError, InvalidRequest
from indexer.records import words
from indexer.store.reads.cursors import LATEST, Cursor
from indexer.store.reads.database import Database
from indexer.store.reads.keys import Key

_TOP_OF: Final = 10_000
"""The most popular posts are looked for among so many of the latest that fit ..."""

_TOP_ENOUGH: Final = 1_000
"""... and no further back once there are so many."""

_TOKEN: Final = re.compile(
    r'(?P<minus>-)?(?:(?P<operator>[A-Za-z]+):)?(?:"(?P<quoted>[^"]*)"?|(?P<plain>[^\s"]\S*))'
)
_OPERATORS: Final = {
    "from": "author", "author": "author", "mentions": "mentions", "mention": "mentions", "to": "mentions",
    "since": "since", "until": "until", "lang": "lang", "domain": "domain", "url": "url", "tag": "tag",
}  # fmt: skip
_WINDOWS: Final = ((words.HOUR, 6, words.hour), (words.DAY, 3, words.day), (words.MONTH, 2, words.month))
_MARKS: Final = {"lang": words.language, "domain": words.domain, "url": words.link, "tag": words.tag}


class Named(NamedTuple):
    """An account that a query names, by DID or handle, and whether its posts are wanted or unwanted."""

    name: str
    wanted: bool


@dataclass(slots=True)
class Query:
    """What is looked for: every part must hold, no unwanted one may. Parts are in Postgres' tsquery language."""

    wanted: list[str] = field(default_factory=list)
    unwanted: list[str] = field(default_factory=list)
    authors: list[Named] = field(default_factory=list)
    mentioned: list[Named] = field(default_factory=list)
    since: int = -LATEST
    until: int = LATEST

    def add(self, part: str, wanted: bool) -> None:
        (self.wanted if wanted else self.unwanted).append(part)

    def text(self, *more: str) -> str:
        """The tsquery of all parts and `more`."""
        return " & ".join([*self.wanted, *more, *(f"!{part}" for part in self.unwanted)])


def parse_query(text: str, given: Mapping[str, str | None], tags: list[str]) -> Query:
    """A query from what somebody typed (words, "phrases", #tags, @handles, links, from:, since:, -unwanted ...) and
    from parameters.

    InvalidRequest for times that are none.
    """
    query = Query()
    for tag in tags:
        query.add(words.quoted(words.tag(tag)), True)
    for name, value in given.items():
        if value:
            _operate(query, name, value, True)
    for match in _TOKEN.finditer(text):
        value = match["plain"] if match["quoted"] is None else match["quoted"]
        wanted, operator = match["minus"] is None, (match["operator"] or "").lower()
        whole = match[0].removeprefix("-")
        if operator in _OPERATORS:
            if value:
                _operate(query, _OPERATORS[operator], value, wanted)
        elif operator == "did":
            query.authors.append(Named(whole, wanted))
        elif operator in ("http", "https") and value.startswith("//"):
            _operate(query, "url", whole, wanted)
        elif whole.startswith("@") and "." in whole:
            _operate(query, "mentions", whole, wanted)
        elif whole.startswith("#") and len(whole) > 1:
            query.add(words.quoted(words.tag(whole)), wanted)
        else:
            phrase = _phrase(value if match["quoted"] is not None else whole)
            if phrase:
                query.add(phrase, wanted)
    return query


def _operate(query: Query, name: str, value: str, wanted: bool) -> None:
    if name in ("author", "mentions"):
        (query.authors if name == "author" else query.mentioned).append(
            Named(value.removeprefix("@"), wanted)
        )
    elif name == "since":
        query.since = max(query.since, _time(value))
    elif name == "until":
        query.until = min(query.until, _time(value))
    else:
        query.add(words.quoted(_MARKS[name](value)), wanted)


def _phrase(text: str) -> str:
    """The words of `text` one after the other; the last one may go on after an asterisk."""
    found = [words.quoted(word) for word in words.words_of(text)]
    if not found:
        return ""
    if text.endswith("*"):
        found[-1] += ":*"
    return found[0] if len(found) == 1 else f"({' <-> '.join(found)})"


def _time(text: str) -> int:
    whole = f"{text}T00:00:00.000Z" if re.fullmatch(r"\d{4}-\d\d-\d\d", text) else text
    try:
        return parse_datetime(whole)
    except FrameError:
        raise InvalidRequest(f"Expected a datetime or a date, got {text[:50]!r}") from None


class Found(NamedTuple):
    """A post with its place among those found: by time, or by attention."""

    place: int
    key: int
    actor: int

    @property
    def post(self) -> Key:
        return (self.key, self.actor)


class Page(NamedTuple):
    """Posts, the cursor after them, and how many there are in all (None: not known)."""

    posts: list[Key]
    cursor: str | None
    total: int | None


class PostSearch:
    """Finds posts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def latest(self, query: Query, cursor: str | None, limit: int) -> Page:
        """A page of the posts that fit, latest first."""
        after = _after(cursor)
        found = await self._find(query, after, limit + 1)
        return _page(found, limit, len(found) if cursor is None and len(found) <= limit else None)

    async def top(self, query: Query, cursor: str | None, limit: int) -> Page:
        """A page of the posts that fit, those with the most likes, reposts, replies and quotes first.

        Of a word that many use, the latest posts are ranked, thousands of them; of others, all.
        """
        after = _after(cursor)
        best: list[Found] = []
        seen, whole = 0, False
        for text, since, end in await self._spans(query, query.until):
            rows = await self._database.rows(
                "post_search_top", text, since, end, _TOP_OF - seen, *after, limit + 1
            )
            best += [
                Found(row["attention"], row["rkey"], row["actor"]) for row in rows if row["rkey"] is not None
            ]
            seen += rows[0]["found"]
            whole = since <= query.since and seen < _TOP_OF
            if seen >= _TOP_ENOUGH:
                break
        best.sort(reverse=True)
        return _page(best, limit, seen if whole else None)

    async def _find(self, query: Query, after: Found, count: int) -> list[Found]:
        """The latest `count` posts that fit and come after `after`."""
        found: list[Found] = []
        for text, since, end in await self._spans(query, min(query.until, after.place + 1)):
            rows = await self._database.rows("post_search", text, since, end, *after, count - len(found))
            found += [Found(row["sort_at"], row["rkey"], row["actor"]) for row in rows]
            if len(found) >= count:
                break
        return found

    async def _spans(self, query: Query, end: int) -> Iterator[tuple[str, int, int]]:
        """Spans of time from `end` backwards, further and further: (tsquery, from this time on, before this time)."""
        (row,) = await self._database.rows("post_search_newest")
        return _spans(query, row["newest"], end)


def _spans(query: Query, newest: int, end: int) -> Iterator[tuple[str, int, int]]:
    # A query without any wanted part would go through everything that the last window holds: it ends before.
    for since, marks in _windows(min(newest, end), bool(query.wanted)):
        if end > query.since:
            yield query.text(*marks), max(since, query.since), end
        if since <= query.since:
            break
        end = min(end, since)


def _windows(newest: int, all_time: bool) -> Iterator[tuple[int, list[str]]]:
    """Times from which on posts are looked for, further and further back, with the marks that they carry."""
    for length, count, mark in _WINDOWS:
        first, last = newest // length - count, newest // length
        marks = (words.quoted(mark(number * length)) for number in range(first, last + 1))
        yield first * length, [f"({' | '.join(marks)})"]
    if all_time:
        yield -LATEST, []


def _after(text: str | None) -> Found:
    cursor = Cursor.parse(text)
    if cursor is None:
        return Found(LATEST, 0, 0)
    key, _, actor = cursor.place.partition(".")
    if not all(re.fullmatch(r"-?\d{1,19}", part) and abs(int(part)) < 2**63 for part in (key, actor)):
        raise InvalidRequest("Malformed cursor")
    return Found(cursor.time, int(key), int(actor))


def _page(found: list[Found], limit: int, total: int | None) -> Page:
    page = found[:limit]
    last = page[-1] if len(found) > limit else None
    cursor = None if last is None else Cursor(last.place, f"{last.key}.{last.actor}").text()
    return Page([one.post for one in page], cursor, total)
