"""Stored records as JSON."""

from __future__ import annotations

from indexer._fastpath.cbor import TOLERATE_ALL
from indexer._fastpath.transcode import to_json
from indexer.records.compression import original
from indexer.store.reads.spelling import cid_text, iso

__all__ = ["cid_text", "iso", "record_json"]


def record_json(record: bytes) -> bytes:
    """A stored record as JSON in the data model's form: links as {"$link"}, bytes as {"$bytes"}.

    record: in its stored form. Whether it was well-formed was decided when it was indexed; here everything that was
    kept is shown.
    """
    return to_json(original(record), TOLERATE_ALL)
