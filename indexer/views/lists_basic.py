"""listViewBasic: a list without its creator, as relations and gates mention it."""

from __future__ import annotations

from indexer.hydration.encoding import iso
from indexer.hydration.state import Json, Key, State
from indexer.records.collections import LIST, LIST_BLOCK, REFERENCE_LIST_OPT_OUT
from indexer.views.labels import labels_of
from indexer.views.rules import REFERENCE_LIST


def list_basic(state: State, key: Key) -> Json | None:
    """app.bsky.graph.defs#listViewBasic; None for a list that does not exist."""
    found = state.records.get((LIST, *key))
    if found is None or key[1] not in state.actors:
        return None
    record = found.record.value()
    uri = state.uri(LIST, *key)
    view: Json = {"uri": uri, "cid": found.cid, "name": record.get("name"), "purpose": record.get("purpose")}
    if record.get("avatar") is not None:
        view["avatar"] = state.links.image("avatar", state.did(key[1]), record["avatar"])
    standing = state.lists.get(key)
    view["listItemCount"] = standing.items if standing else 0
    view["indexedAt"] = iso(found.sort_at)
    view["labels"] = labels_of(state, uri)
    if state.viewer is not None and standing is not None:
        viewer: Json = {"muted": standing.muted}
        if standing.blocked is not None:
            viewer["blocked"] = f"at://{state.asker.did}/{state.spelling.path(LIST_BLOCK, standing.blocked)}"
        if standing.opted_out is not None and record.get("purpose") == REFERENCE_LIST:
            opted_out = state.spelling.path(REFERENCE_LIST_OPT_OUT, standing.opted_out)
            viewer["referenceListOptOut"] = f"at://{state.asker.did}/{opted_out}"
        view["viewer"] = viewer
    return view
