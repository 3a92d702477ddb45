"""app.bsky.graph.listblock: an account blocks everybody in a list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from indexer.records.collections import LIST, LIST_BLOCK
from indexer.records.kind import Pair, Place, RecordKind, created_at, is_at_uri, is_datetime
from indexer.records.references import References


def refuses(record: Mapping[str, Any], _place: Place, references: References) -> str | None:
    """Its subject must be a list that can be named by id."""
    return None if references.record(record["subject"], LIST) is not None else "expected the AT-URI of a list"


def pair(record: Mapping[str, Any], place: Place, references: References) -> Pair | None:
    """An account blocks a list once."""
    list_ = references.record(record["subject"], LIST)
    return None if list_ is None else Pair(place.actor, *list_)


def row(record: Mapping[str, Any], place: Place, references: References) -> tuple[Any, ...]:
    """key, actor, list_key, list_actor, created_at, indexed_at"""
    list_ = references.record(record["subject"], LIST)
    assert list_ is not None
    return (place.key, place.actor, *list_, created_at(record), place.indexed_at)


KIND = RecordKind(
    LIST_BLOCK, required={"subject": is_at_uri, "createdAt": is_datetime}, refuses=refuses, pair=pair, row=row
)
