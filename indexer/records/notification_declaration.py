"""app.bsky.notification.declaration: who may subscribe to an account's posts."""

from __future__ import annotations

from indexer.records.collections import NOTIFICATION_DECLARATION
from indexer.records.kind import RecordKind, is_text

KIND = RecordKind(NOTIFICATION_DECLARATION, required={"allowSubscriptions": is_text}, only_self=True)
