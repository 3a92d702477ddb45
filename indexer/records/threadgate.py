"""app.bsky.feed.threadgate: who may reply in a thread, and which replies are hidden. What it means: gates.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from indexer.records.collections import THREADGATE
from indexer.records.kind import Place, RecordKind, is_at_uri, is_datetime, is_list, own_uri
from indexer.records.references import References


def refuses(record: Mapping[str, Any], place: Place, references: References) -> str | None:
    """A gate stands beside its post: same account, same record key (reference: its thread gate indexer)."""
    uri = own_uri(record["post"], place, references)
    if uri is None or uri.rkey != place.rkey:
        return "expected a post of the same account with the gate's record key"
    return None


KIND = RecordKind(
    THREADGATE,
    required={"post": is_at_uri, "createdAt": is_datetime},
    optional={"allow": is_list, "hiddenReplies": is_list},
    refuses=refuses,
)
