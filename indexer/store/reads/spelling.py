"""Compact values of the tables as text and back: digests as CIDs, times as ISO strings."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from indexer._fastpath import tid
from indexer._fastpath.cid import CID

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def cid_text(digest: bytes) -> str:
    """The CIDv1 (dag-cbor, sha2-256) of a 32-byte digest, in base32."""
    return str(CID.from_digest(digest))


def iso(milliseconds: int) -> str:
    """`YYYY-MM-DDTHH:MM:SS.mmmZ` of a time in milliseconds since the epoch."""
    moment = _EPOCH + timedelta(milliseconds=milliseconds)
    return f"{moment.isoformat(timespec='milliseconds')[:-6]}Z"


def tid_text(value: int) -> str:
    """The 13 characters of a TID."""
    return tid.to_text(value)


def tid_key(text: str) -> int | None:
    """The integer of a record key that is a TID, else None."""
    return tid.to_int(text)
