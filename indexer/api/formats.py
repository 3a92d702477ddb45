"""The string formats of lexicons, as predicates (Lexicon specification, "String Formats")."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final

from indexer._fastpath import syntax
from indexer._fastpath.cid import is_cid
from indexer.errors import FrameError

_URI = re.compile(r"[a-z][a-z.-]{0,80}:\S+")
_LANGUAGE = re.compile(r"(?:i|[a-z]{2,3})(?:-[a-zA-Z0-9]+)*")
_MAX_AT_URI = 8 * 1024
_MOST_REMEMBERED = 200
"""Longer ones are looked at each time, so that what is remembered stays small."""


def is_at_identifier(text: str) -> bool:
    """A DID or a handle."""
    return syntax.valid_did(text) if text.startswith("did:") else syntax.valid_handle(text)


def is_at_uri(text: str) -> bool:
    """`at://authority`, with a collection and a record key at most; the authority alone is one as well."""
    if not text.startswith("at://") or len(text) > _MAX_AT_URI:
        return False
    # the same posts are asked for again and again
    return _remembered_at_uri(text) if len(text) <= _MOST_REMEMBERED else _is_at_uri(text)


def _is_at_uri(text: str) -> bool:
    path, hash_sign, fragment = text[5:].partition("#")
    parts = path.split("/")
    if hash_sign and not fragment.startswith("/"):
        return False
    if len(parts) > 3 or not is_at_identifier(parts[0]):
        return False
    if len(parts) > 1 and not syntax.valid_nsid(parts[1]):
        return False
    return len(parts) < 3 or syntax.valid_rkey(parts[2])


_remembered_at_uri = lru_cache(maxsize=16_384)(_is_at_uri)


def is_datetime(text: str) -> bool:
    try:
        syntax.parse_datetime(text)
    except (ValueError, FrameError):
        return False
    return True


def is_uri(text: str) -> bool:
    return _URI.fullmatch(text) is not None


def is_language(text: str) -> bool:
    return _LANGUAGE.fullmatch(text) is not None


FORMATS: Final[dict[str, Callable[[str], bool]]] = {
    "at-identifier": is_at_identifier,
    "at-uri": is_at_uri,
    "cid": is_cid,
    "datetime": is_datetime,
    "did": syntax.valid_did,
    "handle": syntax.valid_handle,
    "language": is_language,
    "nsid": syntax.valid_nsid,
    "record-key": syntax.valid_rkey,
    "uri": is_uri,
}
