"""app.bsky.graph.verification: an account vouches for another's handle and name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from indexer.records import notices
from indexer.records.collections import VERIFICATION
from indexer.records.kind import (
    Pair,
    Place,
    RecordKind,
    created_at,
    is_datetime,
    is_did,
    is_handle,
    is_text,
    sort_at,
)
from indexer.records.notices import Notice
from indexer.records.references import References


def refuses(record: Mapping[str, Any], _place: Place, references: References) -> str | None:
    """Postgres takes no NUL in text; nothing else is refused."""
    if references.actor(record["subject"]) is None:
        return "expected a subject with an id"
    return "expected a displayName without NUL" if "\0" in record["displayName"] else None


def pair(record: Mapping[str, Any], place: Place, references: References) -> Pair | None:
    """An account is verified once by another."""
    subject = references.actor(record["subject"])
    return None if subject is None else Pair(place.actor, 0, subject)


def row(record: Mapping[str, Any], place: Place, references: References) -> tuple[Any, ...]:
    """key, actor, subject_actor, handle, display_name, created_at, indexed_at"""
    subject = references.actor(record["subject"])
    return (
        place.key, place.actor, subject, record["handle"], record["displayName"], created_at(record), place.indexed_at
    )  # fmt: skip


def created(record: Mapping[str, Any], place: Place, references: References) -> Sequence[Notice]:
    """The verified account hears of it."""
    subject = references.actor(record["subject"])
    if subject is None:
        return ()
    return (Notice(subject, sort_at(record, place), place.actor, notices.VERIFIED, VERIFICATION, place.key),)


def deleted(row: tuple[Any, ...], at: int) -> Sequence[Notice]:
    """The account hears that its verification is gone, also where it was merely edited (so does the reference)."""
    key, actor, subject = row[:3]
    return (Notice(subject, at, actor, notices.UNVERIFIED, VERIFICATION, key),)


KIND = RecordKind(
    VERIFICATION,
    required={"subject": is_did, "handle": is_handle, "displayName": is_text, "createdAt": is_datetime},
    refuses=refuses,
    created=created,
    deleted=deleted,
    pair=pair,
    row=row,
)
