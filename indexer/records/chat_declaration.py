"""chat.bsky.actor.declaration: who may send an account messages. The reference does not check its form."""

from __future__ import annotations

from indexer.records.collections import CHAT_DECLARATION
from indexer.records.kind import RecordKind

KIND = RecordKind(CHAT_DECLARATION, only_self=True)
