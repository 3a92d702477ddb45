"""Lists with their creators and members: listView, listItemView."""

from __future__ import annotations

from indexer.hydration.state import Json, Key, State
from indexer.records.collections import LIST
from indexer.views.lists_basic import list_basic
from indexer.views.profiles import profile


def list_view(state: State, key: Key) -> Json | None:
    """app.bsky.graph.defs#listView; None where the list or its creator cannot be shown."""
    view = list_basic(state, key)
    creator = profile(state, key[1])
    if view is None or creator is None:
        return None
    record = state.records[(LIST, *key)].record.value()
    view["creator"] = creator
    for name in ("description", "descriptionFacets"):
        if record.get(name) is not None:
            view[name] = record[name]
    return view


def list_item(state: State, uri: str, subject: int, *, opted_out: bool = False) -> Json | None:
    """app.bsky.graph.defs#listItemView; None where the member cannot be shown."""
    view = profile(state, subject)
    if view is None:
        return None
    item: Json = {"uri": uri, "subject": view}
    if opted_out:
        item["subjectOptedOut"] = True
    return item
