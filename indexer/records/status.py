"""app.bsky.actor.status: what an account is doing right now."""

from __future__ import annotations

from indexer.records.collections import ACTOR_STATUS
from indexer.records.kind import RecordKind, is_datetime, is_text

KIND = RecordKind(ACTOR_STATUS, required={"status": is_text, "createdAt": is_datetime}, only_self=True)
