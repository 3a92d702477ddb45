"""app.bsky.graph.list: a list of accounts."""

from __future__ import annotations

from indexer.records.collections import LIST
from indexer.records.kind import RecordKind, is_datetime, is_text

KIND = RecordKind(
    LIST,
    required={"name": is_text, "purpose": is_text, "createdAt": is_datetime},
    optional={"description": is_text},
)
