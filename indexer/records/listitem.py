"""app.bsky.graph.listitem: an account in a list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from indexer.records.collections import LIST, LIST_ITEM
from indexer.records.kind import Pair, Place, RecordKind, created_at, is_at_uri, is_datetime, is_did, own_uri
from indexer.records.references import References


def refuses(record: Mapping[str, Any], place: Place, references: References) -> str | None:
    """Only a list's owner adds to it (reference: its list item indexer)."""
    if own_uri(record["list"], place, references) is None:
        return "expected a list of the same account"
    if references.record(record["list"], LIST) is None or references.actor(record["subject"]) is None:
        return "expected a list and a subject with ids"
    return None


def pair(record: Mapping[str, Any], place: Place, references: References) -> Pair | None:
    """An account stands once in a list."""
    list_, subject = references.record(record["list"], LIST), references.actor(record["subject"])
    return None if list_ is None or subject is None else Pair(place.actor, list_[0], subject)


def row(record: Mapping[str, Any], place: Place, references: References) -> tuple[Any, ...]:
    """key, actor, list_key, list_actor, subject_actor, created_at, indexed_at"""
    list_ = references.record(record["list"], LIST)
    assert list_ is not None
    subject = references.actor(record["subject"])
    return (place.key, place.actor, *list_, subject, created_at(record), place.indexed_at)


KIND = RecordKind(
    LIST_ITEM,
    required={"subject": is_did, "list": is_at_uri, "createdAt": is_datetime},
    refuses=refuses,
    pair=pair,
    row=row,
)
