"""A record of a collection that the index does not know: kept as it is, for whoever reads the tables."""

from __future__ import annotations

from indexer.records.collections import ANY_OTHER
from indexer.records.kind import RecordKind

KIND = RecordKind(ANY_OTHER)
