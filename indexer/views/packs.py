"""Starter packs without their members: starterPackViewBasic."""

from __future__ import annotations

from indexer.hydration.encoding import iso
from indexer.hydration.state import Json, Key, State
from indexer.records.collections import STARTER_PACK
from indexer.views.labels import labels_of
from indexer.views.profiles import profile_basic


def starter_pack_basic(state: State, key: Key) -> Json | None:
    """app.bsky.graph.defs#starterPackViewBasic; None where the pack or its creator cannot be shown."""
    found = state.records.get((STARTER_PACK, *key))
    creator = profile_basic(state, key[1])
    if found is None or creator is None:
        return None
    uri = state.uri(STARTER_PACK, *key)
    ever, week = state.pack_joins.get(key, (0, 0))
    return {
        "uri": uri,
        "cid": found.cid,
        "record": found.record.json(),
        "creator": creator,
        "joinedAllTimeCount": ever,
        "joinedWeekCount": week,
        "labels": labels_of(state, uri),
        "indexedAt": iso(found.sort_at),
    }
