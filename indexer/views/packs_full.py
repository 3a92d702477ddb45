"""Starter packs with their feeds, list and a sample of its members: starterPackView."""

from __future__ import annotations

from indexer.hydration.state import Json, Key, RecordKey, State
from indexer.records.collections import GENERATOR, LIST, STARTER_PACK
from indexer.views.lists import list_item
from indexer.views.lists_basic import list_basic
from indexer.views.packs import starter_pack_basic
from indexer.views.rules import REFERENCE_LIST
from indexer.views.services import generator


def pack_uris(pack: Json) -> tuple[list[str], str | None]:
    """The URIs of a pack's feed generators and of its list."""
    feeds = [feed["uri"] for feed in pack.get("feeds") or () if isinstance(feed, dict) and "uri" in feed]
    target = pack.get("list")
    return feeds, target if isinstance(target, str) else None


def starter_pack(
    state: State, key: Key, sample: list[tuple[RecordKey, int]], opted_out: set[int]
) -> Json | None:
    """app.bsky.graph.defs#starterPackView. `sample`: list items with their members, in the order to be shown."""
    view = starter_pack_basic(state, key)
    if view is None:
        return None
    feeds, target = pack_uris(state.records[(STARTER_PACK, *key)].record.value())
    shown = []
    for uri in feeds:
        feed = state.uris.get(uri)
        found = generator(state, (feed[1], feed[2])) if feed is not None and feed[0] == GENERATOR else None
        if found is not None:
            shown.append(found)
    view["feeds"] = shown
    listed = state.uris.get(target or "")
    basic = list_basic(state, (listed[1], listed[2])) if listed is not None and listed[0] == LIST else None
    own = basic is not None and listed is not None and listed[2] == state.viewer
    own = own and basic is not None and basic["purpose"] == REFERENCE_LIST
    if basic is not None:
        view["list"] = basic
    items = [
        list_item(state, state.uri(*item), member, opted_out=own and member in opted_out)
        for item, member in sample
    ]
    view["listItemsSample"] = [item for item in items if item is not None]
    return view
