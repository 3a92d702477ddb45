"""Labels on views: those of labelers, and those that a record's author put on it."""

from __future__ import annotations

from typing import Any

from indexer._fastpath import syntax
from indexer.errors import FrameError
from indexer.hydration.encoding import iso
from indexer.hydration.state import Json, State

_NO_TIME = "1970-01-01T00:00:00.000Z"


def labels_of(state: State, subject: str) -> list[Json]:
    """Labels in force on a DID or AT-URI, one per labeler and value."""
    if not state.labels:
        return []
    found: dict[tuple[str, str], Json] = {}
    for label in state.labels.get(subject, ()):
        if label.val == "needs-review" and label.src in state.asker.redact:
            continue
        view: Json = {"src": label.src, "uri": label.uri}
        if label.cid:
            view["cid"] = label.cid
        view["val"] = label.val
        view["cts"] = label.cts
        if label.exp:
            view["exp"] = label.exp
        found[(label.src, label.val)] = view
    return list(found.values())


def self_labels(uri: str, did: str, cid: str, record: Json) -> list[Json]:
    """The labels in a post's, profile's or labeler's own record, spelled as labels by its author."""
    labels = record.get("labels")
    if not isinstance(labels, dict) or labels.get("$type") != "com.atproto.label.defs#selfLabels":
        return []
    values = labels.get("values")
    if not isinstance(values, list):
        return []
    created = normalized_time(record.get("createdAt"))
    return [
        {"src": did, "uri": uri, "cid": cid, "val": value["val"], "cts": created}
        for value in values
        if isinstance(value, dict) and isinstance(value.get("val"), str)
    ]


def normalized_time(text: Any) -> str:
    """A datetime as the API always spells it (UTC, milliseconds); the epoch where it is missing or malformed."""
    if not isinstance(text, str):
        return _NO_TIME
    try:
        return iso(syntax.parse_datetime(text))
    except (FrameError, OverflowError):
        return _NO_TIME
