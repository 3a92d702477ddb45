"""app.bsky.actor.profile: an account's profile, and through which starter pack it came."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from indexer.records import notices
from indexer.records.collections import PROFILE, STARTER_PACK
from indexer.records.kind import Place, RecordKind, is_text
from indexer.records.notices import Notice
from indexer.records.references import References


def joined_via(record: Mapping[str, Any], references: References) -> tuple[int, int] | None:
    """Return (key, account) of the starter pack through which the account came, None if there is none."""
    reference = record.get("joinedViaStarterPack")
    return references.record(reference.get("uri"), STARTER_PACK) if isinstance(reference, dict) else None


def created(record: Mapping[str, Any], place: Place, references: References) -> Sequence[Notice]:
    """The owner of the starter pack hears of a new account, by the event's time."""
    pack = joined_via(record, references)
    if pack is None:
        return ()
    return (
        Notice(
            pack[1],
            place.indexed_at,
            place.actor,
            notices.STARTERPACK_JOINED,
            PROFILE,
            place.key,
            STARTER_PACK,
            *pack,
        ),
    )


KIND = RecordKind(
    PROFILE,
    optional={"displayName": is_text, "description": is_text},
    only_self=True,
    created=created,
)
