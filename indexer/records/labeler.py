"""app.bsky.labeler.service: an account labels content."""

from __future__ import annotations

from indexer.records.collections import LABELER_SERVICE
from indexer.records.kind import RecordKind, is_datetime, is_map

KIND = RecordKind(LABELER_SERVICE, required={"policies": is_map, "createdAt": is_datetime}, only_self=True)
