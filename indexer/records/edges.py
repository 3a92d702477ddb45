"""Likes, reposts, follows and blocks as records again: their exact bytes, from the columns of their rows.

Owns what "canonical" means for an edge: exactly $type, subject, createdAt in `YYYY-MM-DDTHH:MM:SS.mmmZ` form, and
via where the
row has one. The batch door keeps the original bytes (column `extra`) of every edge for which this would not give the
same CID.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from indexer._fastpath import cbor
from indexer._fastpath.cid import CID
from indexer.records.collections import BLOCK, FOLLOW, LIKE, NSIDS, REPOST

DAG_CBOR = 0x71
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def canonical_datetime(milliseconds: int) -> str:
    """Return ms since 1970 as `YYYY-MM-DDTHH:MM:SS.mmmZ` (years 1 to 9999)."""
    moment = _EPOCH + timedelta(milliseconds=milliseconds)
    return f"{moment.year:04d}-{moment:%m-%dT%H:%M:%S}.{milliseconds % 1000:03d}Z"


def rebuild_edge(
    kind: int,
    created_at: int,
    subject: str,
    subject_cid: bytes | None = None,
    via: str | None = None,
    via_cid: bytes | None = None,
) -> bytes:
    """Return the record (DAG-CBOR) of a canonical edge.

    kind: LIKE, REPOST (subject is an AT-URI, subject_cid its digest), FOLLOW or BLOCK (subject is a DID).
    created_at: ms. via,
    via_cid: the AT-URI and the digest of the CID of what led there.
    """
    record: dict[str, object] = {"$type": NSIDS[kind], "createdAt": canonical_datetime(created_at)}
    if kind in (LIKE, REPOST):
        assert subject_cid is not None
        record["subject"] = _strong_ref(subject, subject_cid)
    else:
        assert kind in (FOLLOW, BLOCK)
        record["subject"] = subject
    if via is not None:
        assert via_cid is not None
        record["via"] = _strong_ref(via, via_cid)
    return cbor.encode(record)


def record_digest(record: bytes) -> bytes:
    """Return the digest of the CID of a record's bytes."""
    return CID.of(record).digest


def _strong_ref(uri: str, digest: bytes) -> dict[str, object]:
    return {"uri": uri, "cid": str(CID.from_digest(digest))}
