"""app.bsky.feed.generator: a custom feed."""

from __future__ import annotations

from indexer.records.collections import GENERATOR
from indexer.records.kind import RecordKind, is_datetime, is_did, is_text

KIND = RecordKind(
    GENERATOR,
    required={"did": is_did, "displayName": is_text, "createdAt": is_datetime},
    optional={"description": is_text},
)
