"""app.bsky.feed.postgate: who may quote a post, and which quotes are detached. What it means: gates.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from indexer.records.collections import POSTGATE
from indexer.records.kind import Place, RecordKind, is_at_uri, is_datetime, is_list, own_uri
from indexer.records.references import References


def refuses(record: Mapping[str, Any], place: Place, references: References) -> str | None:
    """A gate stands beside its post: same account, same record key (reference: its post gate indexer)."""
    uri = own_uri(record["post"], place, references)
    if uri is None or uri.rkey != place.rkey:
        return "expected a post of the same account with the gate's record key"
    return None


KIND = RecordKind(
    POSTGATE,
    required={"post": is_at_uri, "createdAt": is_datetime},
    optional={"embeddingRules": is_list, "detachedEmbeddingUris": is_list},
    refuses=refuses,
)
