"""app.bsky.graph.referencelistoptout: an account does not want to be shown as a member of a reference list."""

from __future__ import annotations

from indexer.records.collections import REFERENCE_LIST_OPT_OUT
from indexer.records.kind import RecordKind, is_at_uri, is_datetime

KIND = RecordKind(REFERENCE_LIST_OPT_OUT, required={"subject": is_at_uri, "createdAt": is_datetime})
