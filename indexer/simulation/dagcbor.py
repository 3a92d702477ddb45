"""What the simulation needs of DAG-CBOR beyond `_fastpath.cbor`: names of blocks, pieces of ready encodings, and
records as JSON writes them.

Rules: data model specification (DRISL, and the JSON forms of links and bytes).
"""

from __future__ import annotations

import base64
import hashlib
import struct
from typing import Any

from indexer._fastpath.cbor import encode
from indexer._fastpath.cid import CID

__all__ = ["CID", "CID_PREFIX", "LINK_HEAD", "cid_of", "cid_text", "encode", "head", "record_block"]

CID_PREFIX = b"\x01\x71\x12\x20"
"""What precedes the SHA-256 digest in a block's CID."""

LINK_HEAD = b"\xd8\x2a\x58\x25\x00"
"""What precedes a CID in an encoded link."""


def cid_of(block: bytes) -> bytes:
    """The 36 bytes of a DAG-CBOR block's CID (CIDv1, SHA-256)."""
    return CID_PREFIX + hashlib.sha256(block).digest()


def cid_text(cid: bytes) -> str:
    """The CID as it stands in JSON and in URIs."""
    return str(CID(cid))


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


def record_block(record: dict[str, Any]) -> bytes:
    """A record as DAG-CBOR; `{"$link": cid}` and `{"$bytes": base64}` in it become a link and a byte string."""
    return encode(_from_json(record))


def _from_json(value: Any) -> Any:
    if isinstance(value, dict):
        if len(value) == 1:
            if "$link" in value:
                return CID.parse(value["$link"])
            if "$bytes" in value:
                return base64.b64decode(value["$bytes"] + "==")
        return {key: _from_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_from_json(item) for item in value]
    return value
