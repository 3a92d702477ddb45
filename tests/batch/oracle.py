"""The slow, obvious version of the batch door: libipld decodes, dictionaries and strings do the rest.

Shares nothing with the door but the list of columns, and describes operations by DIDs and paths instead of ids.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import libipld

from indexer.records.collections import CODES

SORTABLE = "234567abcdefghijklmnopqrstuvwxyz"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EDGES = (1, 2, 3, 4)


class Operation(NamedTuple):
    """One operation as both sides describe it; `columns` is what the row holds besides."""

    did: str
    path: str
    action: str
    kind: int
    columns: tuple[Any, ...]


def milliseconds(text: str) -> int:
    """Milliseconds since 1970 of an RFC 3339 time, finer fractions cut off."""
    moment = datetime.fromisoformat(text)
    return (moment - EPOCH) // timedelta(milliseconds=1)


def tid(number: int) -> str:
    """The 13 characters of a TID."""
    text = ""
    for _ in range(13):
        text = SORTABLE[number & 31] + text
        number >>= 5
    return text


def cid_text(digest: bytes) -> str:
    """The text of a DAG-CBOR CID."""
    return str(libipld.encode_cid(b"\x01\x71\x12\x20" + digest))


def digest_of(text: str) -> bytes:
    """The digest in a CID's text."""
    raw: bytes = libipld.decode_multibase(text)[1]
    assert raw[:4] == b"\x01\x71\x12\x20"
    return raw[4:]


def operations(frames: list[bytes]) -> Iterator[Operation]:
    """What the commits of the frames do to known collections, deletes first in a commit."""
    for frame in frames:
        header, payload = libipld.decode_dag_cbor_multi(frame)
        if header.get("t") != "#commit":
            continue
        _, blocks = libipld.decode_car(payload["blocks"])
        ordered = sorted(payload["ops"], key=lambda op: op["action"] != "delete")
        for op in ordered:
            collection = op["path"].split("/")[0]
            if collection not in CODES:
                continue
            kind = CODES[collection]
            columns: tuple[Any, ...] = ()
            if op["action"] != "delete":
                columns = row_of(kind, op["cid"], blocks[op["cid"]], milliseconds(payload["time"]))
            yield Operation(payload["repo"], op["path"], op["action"], kind, columns)


def row_of(kind: int, cid: bytes, record: Any, indexed_at: int) -> tuple[Any, ...]:
    """The columns of a record, references as their URIs."""
    encoded = libipld.encode_dag_cbor(record)
    assert hashlib.sha256(encoded).digest() == cid[4:], "the oracle cannot encode this record back"
    if kind in EDGES:
        created = milliseconds(record["createdAt"])
        subject = record["subject"]
        via = record.get("via")
        rebuilt = {"$type": record["$type"], "subject": subject}
        rebuilt["createdAt"] = (EPOCH + timedelta(milliseconds=created)).strftime("%Y-%m-%dT%H:%M:%S.%f")[
            :-3
        ] + "Z"
        if via is not None and kind != 4:
            rebuilt["via"] = via
        canonical = hashlib.sha256(libipld.encode_dag_cbor(rebuilt)).digest() == cid[4:]
        extra = None if canonical else encoded
        if kind in (1, 2):
            return (
                subject["uri"],
                digest_of(subject["cid"]),
                via and via["uri"],
                via and digest_of(via["cid"]),
                created,
                indexed_at,
                extra,
            )
        if kind == 3:
            return (subject, via and via["uri"], via and digest_of(via["cid"]), created, indexed_at, extra)
        return (subject, created, indexed_at, extra)
    if kind == 5:
        reply = record.get("reply")
        quoted = quote_of(record.get("embed"))
        return (
            min(milliseconds(record["createdAt"]), indexed_at),
            indexed_at,
            reply and reply["parent"]["uri"],
            reply and reply["root"]["uri"],
            quoted,
            flags_of(record),
            cid[4:],
            encoded,
        )
    return (indexed_at, cid[4:], encoded)


def parts_of(embed: Any) -> list[Any]:
    if embed is None:
        return []
    if embed["$type"] == "app.bsky.embed.recordWithMedia":
        return [embed["media"], {"$type": "app.bsky.embed.record", **embed["record"]}]
    return [embed]


def quote_of(embed: Any) -> str | None:
    for part in parts_of(embed):
        if part["$type"] == "app.bsky.embed.record" and "/app.bsky.feed.post/" in part["record"]["uri"]:
            uri: str = part["record"]["uri"]
            return uri
    return None


def flags_of(record: Any) -> int:
    """The bits that a post's record decides (indexer/records/post_flags.py)."""
    kinds = [part["$type"].removeprefix("app.bsky.embed.") for part in parts_of(record.get("embed"))]
    features = [feature["$type"] for facet in record.get("facets") or [] for feature in facet["features"]]
    bits = [
        "images" in kinds,
        "video" in kinds,
        "external" in kinds,
        "record" in kinds,
        "gallery" in kinds,
        "reply" in record,
        quote_of(record.get("embed")) is not None,
        "app.bsky.richtext.facet#mention" in features,
    ]
    return sum(bit << place for place, bit in enumerate(bits))


def mentions_of(record: Any) -> list[str]:
    """The accounts that a post mentions, each once, in order."""
    found = [
        feature["did"]
        for facet in record.get("facets") or []
        for feature in facet["features"]
        if feature["$type"] == "app.bsky.richtext.facet#mention"
    ]
    return list(dict.fromkeys(found))
