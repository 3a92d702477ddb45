"""Finding posts by their words and by who wrote what when.

Posts are looked through from the latest backwards, so many per request and no more: the cost of a search is bounded
whatever is looked for, and its cursor says where the next request goes on. No index of words is kept, for that would
cost every post that is indexed more than its row does.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from indexer._fastpath import cbor
from indexer._fastpath.syntax import parse_datetime
from indexer.errors import FrameError, InvalidRequest
from indexer.store.reads.cursors import LATEST
from indexer.store.reads.database import Database, Row
from indexer.store.reads.keys import Key

_CHUNK: Final = 2_000
_MOST_LOOKED_AT: Final = 40_000
_TOKEN: Final = re.compile(r'(?:(?P<operator>[a-z]+):)?(?:"(?P<quoted>[^"]*)"|(?P<plain>\S+))')
_OPERATORS: Final = {
    "from": "author", "author": "author", "mentions": "mentions", "mention": "mentions", "to": "mentions",
    "since": "since", "until": "until", "lang": "lang", "domain": "domain", "url": "url",
}  # fmt: skip


@dataclass(slots=True)
class Query:
    """What is looked for: every part must hold. Accounts are names as given (DIDs or handles)."""

    words: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    author: str | None = None
    mentions: str | None = None
    since: int | None = None
    until: int | None = None
    lang: str | None = None
    domain: str | None = None
    url: str | None = None


def parse_query(text: str, given: Mapping[str, str | None], tags: list[str]) -> Query:
    """A query from what somebody typed (words, "phrases", #tags, from:, since:, ...) and from parameters.

    What is typed comes before the parameter of the same name. InvalidRequest for times that are none.
    """
    parts: dict[str, str] = {name: value for name, value in given.items() if value}
    query = Query(tags=[tag.lstrip("#").casefold() for tag in tags])
    for match in _TOKEN.finditer(text):
        value = match["quoted"] if match["quoted"] is not None else match["plain"]
        name = _OPERATORS.get(match["operator"] or "")
        if name is not None:
            parts[name] = value.removeprefix("@")
        elif value.startswith("did:") and match["operator"] == "did":
            parts["author"] = value
        elif match[0].startswith("did:"):
            parts["author"] = match[0]
        elif match[0].startswith("#") and len(value) > 1:
            query.tags.append(value[1:].casefold())
        elif value:
            query.words.append((match[0] if match["quoted"] is None else value).casefold())
    query.author, query.mentions = parts.get("author"), parts.get("mentions")
    query.lang = parts["lang"].casefold() if "lang" in parts else None
    query.domain = parts["domain"].casefold() if "domain" in parts else None
    query.url = parts["url"].casefold() if "url" in parts else None
    query.since, query.until = _time(parts.get("since")), _time(parts.get("until"))
    return query


def _time(text: str | None) -> int | None:
    if text is None:
        return None
    whole = f"{text}T00:00:00.000Z" if re.fullmatch(r"\d{4}-\d\d-\d\d", text) else text
    try:
        return parse_datetime(whole)
    except FrameError:
        raise InvalidRequest(f"Expected a datetime or a date, got {text[:50]!r}") from None


class PostSearch:
    """Looks posts through."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(
        self, query: Query, author: int | None, mentioned: str | None, before: int, limit: int
    ) -> tuple[list[Key], int | None]:
        """At most `limit` posts that fit, latest first, and from where the next search goes on (None: nothing is left).

        `before`: such a place, or LATEST. `author`, `mentioned`: the accounts that the query names, as id and DID.
        """
        found: list[Key] = []
        looked_at = 0
        while looked_at < _MOST_LOOKED_AT:
            rows, following = await self._chunk(author, before)
            for row in rows:
                looked_at += 1
                if _fits(query, mentioned, row):
                    found.append((row["rkey"], row["actor"]))
                    if len(found) == limit and author is None:
                        return found, row["rkey"]
            if following is None or (query.since is not None and rows and rows[-1]["sort_at"] < query.since):
                return found, None
            before = following
            if len(found) >= limit:
                break
        return found, before

    async def _chunk(self, author: int | None, before: int) -> tuple[list[Row], int | None]:
        if author is None:
            rows = await self._database.rows("recent_posts", before, _CHUNK)
            return rows, rows[-1]["rkey"] if len(rows) >= _CHUNK else None
        rows = await self._database.rows("recent_posts_by", author, before, _CHUNK)
        return rows, rows[-1]["sort_at"] - 1 if len(rows) >= _CHUNK else None


def _fits(query: Query, mentioned: str | None, row: Row) -> bool:
    if query.since is not None and row["sort_at"] < query.since:
        return False
    if query.until is not None and row["sort_at"] >= query.until:
        return False
    record: bytes = row["record"]
    lowered = record.lower()
    if not all(word.encode() in lowered for word in query.words if word.isascii()):
        return False
    if mentioned is not None and mentioned.encode() not in record:
        return False
    value = cbor.decode(record, cbor.TOLERATE_ALL)
    return isinstance(value, dict) and _record_fits(query, mentioned, value)


def _record_fits(query: Query, mentioned: str | None, value: dict[str, Any]) -> bool:
    text = str(value.get("text", "")).casefold()
    if not all(word in text for word in query.words):
        return False
    if query.lang is not None and query.lang not in {
        str(lang).casefold() for lang in value.get("langs") or ()
    }:
        return False
    features = [
        feature
        for facet in value.get("facets") or ()
        if isinstance(facet, dict)
        for feature in facet.get("features") or ()
        if isinstance(feature, dict)
    ]
    if mentioned is not None and not any(feature.get("did") == mentioned for feature in features):
        return False
    tags = {str(tag).casefold() for tag in (*(value.get("tags") or ()), *(f.get("tag") for f in features))}
    if not tags.issuperset(query.tags):
        return False
    links = [str(feature["uri"]).casefold() for feature in features if "uri" in feature]
    external = (value.get("embed") or {}).get("external")
    if isinstance(external, dict):
        links.append(str(external.get("uri", "")).casefold())
    if query.url is not None and query.url not in links:
        return False
    return query.domain is None or any(_is_of(link, query.domain) for link in links)


def _is_of(link: str, domain: str) -> bool:
    host = link.split("://", 1)[-1].split("/", 1)[0].split(":", 1)[0]
    return host == domain or host.endswith("." + domain)


__all__ = ["LATEST", "PostSearch", "Query", "parse_query"]
