"""What posts and accounts are found by: words of texts, and marks for tags, mentions, links, languages and times.

Owns how a text becomes words: case and accents do not count, scripts without spaces are cut into pairs of characters.
Pure; used alike for what is indexed and for what is looked for. Lexemes other than words begin with a mark that no
word can hold: `#tag`, `@did`, `l:lang`, `d:host`, `u:link`, `f:account`, and `h:`, `y:`, `m:` for the hour, the day and
the month (30 days) of a post.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

HOUR: Final = 3_600_000
DAY: Final = 24 * HOUR
MONTH: Final = 30 * DAY

_LONGEST: Final = 64
_PART_GAP: Final = 50
_LAST_POSITION: Final = 16_000
_MARKS_OF_LETTERS: Final = re.compile("[\u0300-\u036f]+")
# Scripts that are written without spaces: Thai to Myanmar, Khmer, Han with kana.
_UNSPACED: Final = (
    r"\u0e00-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
_WORD: Final = re.compile(rf"(?P<unspaced>[{_UNSPACED}]+)|(?P<word>(?:(?![{_UNSPACED}])[^\W_])+)")


def normal(text: str) -> str:
    """`text` without differences of case, width and accent (Unicode standard, 3.13, D146)."""
    folded = unicodedata.normalize("NFD", text)
    for _ in range(2):  # what a styled letter stands for may be a capital
        folded = unicodedata.normalize("NFKD", folded.casefold())
    return unicodedata.normalize("NFC", _MARKS_OF_LETTERS.sub("", folded))


def words_of(text: str) -> Iterator[str]:
    """The words of a text in order; characters of scripts without spaces as overlapping pairs."""
    for match in _WORD.finditer(text.lower() if text.isascii() else normal(text)):
        run = match["unspaced"]
        if run is None:
            yield match["word"][:_LONGEST]
        elif len(run) == 1:
            yield run
        else:
            yield from (run[place : place + 2] for place in range(len(run) - 1))


def tag(text: str) -> str:
    return "#" + normal(text.lstrip("#"))[:_LONGEST]


def mention(did: str) -> str:
    return "@" + did


def language(code: str) -> str:
    return "l:" + code.lower()[:_LONGEST]


def author(actor: int) -> str:
    return f"f:{actor}"


def domain(host: str) -> str:
    return "d:" + host.lower().removeprefix("www.")[:_LONGEST]


def link(url: str) -> str:
    """The same for links that differ in case of the host, a fragment or a slash at the end only."""
    head, _, _ = url.partition("#")
    _, _, rest = head.partition("://")
    host, slash, path = rest.partition("/")
    same = f"{host.lower()}{slash}{path}".rstrip("/")
    return "u:" + hashlib.blake2b(same.encode("utf-8", "replace"), digest_size=6).hexdigest()


def hour(time: int) -> str:
    return f"h:{time // HOUR}"


def day(time: int) -> str:
    return f"y:{time // DAY}"


def month(time: int) -> str:
    return f"m:{time // MONTH}"


def post_words(record: Mapping[str, Any], actor: int, sort_at: int) -> dict[str, list[int]]:
    """What a post is found by, each with its positions (words only). `record` is as decoded, and may be anything."""
    found: dict[str, list[int]] = {}
    position = 1
    for text in _texts(record):
        for word in words_of(text):
            if position < _LAST_POSITION:
                found.setdefault(word, []).append(position)
                position += 1
        position += _PART_GAP
    marks = {author(actor), hour(sort_at), day(sort_at), month(sort_at), *_marks(record)}
    return found | {mark: [] for mark in marks}


def _texts(record: Mapping[str, Any]) -> Iterator[str]:
    """The texts that people see: the post's own, descriptions of images and videos, the title of a link's card."""
    embed = _mapping(record.get("embed"))
    media = _mapping(embed.get("media")) or embed
    images = media.get("images")
    external = _mapping(media.get("external"))
    alts = [_mapping(image).get("alt") for image in images] if isinstance(images, list) else []
    for text in (record.get("text"), *alts, media.get("alt"), external.get("title")):
        if isinstance(text, str) and text:
            yield text


def _marks(record: Mapping[str, Any]) -> Iterator[str]:
    links = []
    for facet in _list(record.get("facets")):
        for feature in _list(_mapping(facet).get("features")):
            value = _mapping(feature)
            if isinstance(value.get("did"), str):
                yield mention(value["did"][:256])
            if isinstance(value.get("tag"), str):
                yield tag(value["tag"])
            if isinstance(value.get("uri"), str):
                links.append(value["uri"])
    for text in _list(record.get("tags")):
        if isinstance(text, str):
            yield tag(text)
    for code in _list(record.get("langs")):
        if isinstance(code, str):
            yield language(code)
            yield language(code.partition("-")[0])
    embed = _mapping(record.get("embed"))
    external = _mapping((_mapping(embed.get("media")) or embed).get("external"))
    if isinstance(external.get("uri"), str):
        links.append(external["uri"])
    for url in links:
        yield link(url)
        yield from map(domain, _domains(url))


def _domains(url: str) -> list[str]:
    """The host of a link and the domains above it, but no top-level domain."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return []
    labels = host.removeprefix("www.").split(".")
    return [".".join(labels[place:]) for place in range(max(len(labels) - 1, 1))][:8] if host else []


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def account_names(handle: str | None, display_name: object) -> str:
    """What an account is found by: its handle and the words of its display name, a space before each."""
    shown = normal(display_name)[:640] if isinstance(display_name, str) else ""
    return "".join(f" {word}" for word in [*([handle] if handle else ()), *shown.split()])


def as_tsvector(words: Mapping[str, list[int]]) -> str:
    """`words` in Postgres' text form of a tsvector."""
    return " ".join(
        f"{quoted(word)}:{','.join(map(str, positions[:50]))}" if positions else quoted(word)
        for word, positions in words.items()
    )


def quoted(lexeme: str) -> str:
    """A lexeme as it stands in the text form of a tsvector or tsquery."""
    plain = lexeme.replace("\0", " ").replace("\\", "\\\\").replace("'", "''")
    return f"'{plain}'"
