"""Likes, reposts and follows as records again: their CIDs order lists and stand in answers."""

from __future__ import annotations

from typing import Any

from indexer._fastpath import cbor
from indexer._fastpath.cid import CID
from indexer.records.collections import POST, REPOST
from indexer.store.reads.database import Row
from indexer.store.reads.keys import KeyBook
from indexer.store.reads.spelling import cid_text, iso


def edge_record(keys: KeyBook, kind: str, row: Row) -> bytes:
    """The bytes of a like or repost from its row.

    Columns: rkey, actor and did of the subject, created_at, via_key, via_did, via_cid, subject_cid, extra. Rare keys
    must have been learned.
    """
    if row["extra"] is not None:
        return bytes(row["extra"])
    record: dict[str, Any] = {
        "$type": f"app.bsky.feed.{kind}",
        "subject": {
            "cid": cid_text(row["subject_cid"]),
            "uri": f"at://{row['did']}/{keys.path(POST, row['rkey'])}",
        },
        "createdAt": iso(row["created_at"]),
    }
    if row["via_key"] is not None:
        uri = f"at://{row['via_did']}/{keys.path(REPOST, row['via_key'])}"
        record["via"] = {"cid": cid_text(row["via_cid"]), "uri": uri}
    return cbor.encode(record)


def edge_cid(keys: KeyBook, kind: str, row: Row) -> str:
    """The CID of that record."""
    return str(CID.of(edge_record(keys, kind, row)))
