"""Encoding of records and messages as DAG-CBOR, and the names (CIDs) of the blocks.

Owns one direction only: Python values to bytes. Decoding is the business of `_fastpath`.

Rules: DRISL / DAG-CBOR (data model specification): definite lengths, shortest heads, map keys sorted by
length and then bytewise, links as tag 42, no floats.
"""

from __future__ import annotations

import base64
import hashlib
import struct
from dataclasses import dataclass
from typing import Any

CID_PREFIX = b"\x01\x71\x12\x20"
LINK_HEAD = b"\xd8\x2a\x58\x25\x00"


@dataclass(frozen=True, slots=True)
class Link:
    """A link to a block: the CID's 36 bytes."""

    cid: bytes


def cid_of(block: bytes) -> bytes:
    """The 36 bytes of a DAG-CBOR block's CID (CIDv1, SHA-256)."""
    return CID_PREFIX + hashlib.sha256(block).digest()


def cid_text(cid: bytes) -> str:
    """The CID as it stands in JSON and in URIs: base32, lower case, with its multibase prefix."""
    return "b" + base64.b32encode(cid).decode().rstrip("=").lower()


def cid_bytes(text: str) -> bytes:
    """The CID's bytes from its base32 text; raises ValueError for any other multibase."""
    if not text.startswith("b"):
        raise ValueError(f"expected a CID in base32 (b...), got {text!r}")
    body = text[1:].upper()
    return base64.b32decode(body + "=" * (-len(body) % 8))


def head(major: int, value: int) -> bytes:
    """A CBOR head: major type 0..7 and its argument, in the shortest form."""
    if value < 24:
        return bytes((major << 5 | value,))
    if value < 0x100:
        return bytes((major << 5 | 24, value))
    if value < 0x10000:
        return struct.pack(">BH", major << 5 | 25, value)
    if value < 0x100000000:
        return struct.pack(">BI", major << 5 | 26, value)
    return struct.pack(">BQ", major << 5 | 27, value)


def encode(value: Any) -> bytes:
    """A value as DAG-CBOR.

    Takes None, bool, int, str, bytes, Link, lists and maps with text keys; the JSON forms `{"$link": cid}`
    and `{"$bytes": base64}` become a link and a byte string. Raises TypeError for anything else (floats among
    them).
    """
    parts: list[bytes] = []
    _append(value, parts)
    return b"".join(parts)


def _append(value: Any, parts: list[bytes]) -> None:
    if isinstance(value, str):
        text = value.encode()
        parts.append(head(3, len(text)))
        parts.append(text)
    elif isinstance(value, bytes):
        parts.append(head(2, len(value)))
        parts.append(value)
    elif value is None or isinstance(value, bool):
        parts.append(b"\xf6" if value is None else b"\xf5" if value else b"\xf4")
    elif isinstance(value, int):
        parts.append(head(0, value) if value >= 0 else head(1, -1 - value))
    elif isinstance(value, Link):
        parts.append(LINK_HEAD)
        parts.append(value.cid)
    elif isinstance(value, list | tuple):
        parts.append(head(4, len(value)))
        for item in value:
            _append(item, parts)
    elif isinstance(value, dict):
        _append_map(value, parts)
    else:
        raise TypeError(f"expected a DAG-CBOR value, got {type(value).__name__}")


def _append_map(value: dict[str, Any], parts: list[bytes]) -> None:
    if len(value) == 1:
        if "$link" in value:
            parts.append(LINK_HEAD)
            parts.append(cid_bytes(value["$link"]))
            return
        if "$bytes" in value:
            _append(base64.b64decode(value["$bytes"] + "=="), parts)
            return
    keys = sorted(((key.encode(), item) for key, item in value.items()), key=_key_order)
    parts.append(head(5, len(keys)))
    for key, item in keys:
        parts.append(head(3, len(key)))
        parts.append(key)
        _append(item, parts)


def _key_order(pair: tuple[bytes, Any]) -> tuple[int, bytes]:
    return len(pair[0]), pair[0]
