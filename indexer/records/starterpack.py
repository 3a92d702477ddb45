"""app.bsky.graph.starterpack: a list and feeds to start with."""

from __future__ import annotations

from indexer.records.collections import STARTER_PACK
from indexer.records.kind import RecordKind, is_at_uri, is_datetime, is_list, is_text

KIND = RecordKind(
    STARTER_PACK,
    required={"name": is_text, "list": is_at_uri, "createdAt": is_datetime},
    optional={"feeds": is_list},
)
