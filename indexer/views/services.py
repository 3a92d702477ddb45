"""Feed generators and labelers: generatorView, labelerView, labelerViewDetailed."""

from __future__ import annotations

from indexer.hydration.encoding import iso
from indexer.hydration.state import Json, Key, Record, RecordKey, State
from indexer.records.collections import GENERATOR, LABELER_SERVICE, LIKE
from indexer.views.labels import labels_of, self_labels
from indexer.views.profiles import profile


def generator(state: State, key: Key) -> Json | None:
    """app.bsky.feed.defs#generatorView; None where the generator or its creator cannot be shown."""
    found = state.records.get((GENERATOR, *key))
    creator = profile(state, key[1])
    if found is None or creator is None:
        return None
    record = found.record.value()
    uri = state.uri(GENERATOR, *key)
    view: Json = {"uri": uri, "cid": found.cid, "did": record.get("did"), "creator": creator}
    for name in ("displayName", "description", "descriptionFacets"):
        if record.get(name) is not None:
            view[name] = record[name]
    if record.get("avatar") is not None:
        view["avatar"] = state.links.image("avatar", state.did(key[1]), record["avatar"])
    view["likeCount"] = found.likes
    if record.get("acceptsInteractions") is not None:
        view["acceptsInteractions"] = record["acceptsInteractions"]
    view["labels"] = labels_of(state, uri)
    _add_viewer(state, found, view)
    if record.get("contentMode") is not None:
        view["contentMode"] = record["contentMode"]
    view["indexedAt"] = iso(found.sort_at)
    return view


def labeler(state: State, key: RecordKey, *, detailed: bool = False) -> Json | None:
    """app.bsky.labeler.defs#labelerView(Detailed); None where the labeler cannot be shown."""
    found = state.records.get(key)
    creator = profile(state, key[2])
    if found is None or creator is None:
        return None
    record = found.record.value()
    uri = state.uri(LABELER_SERVICE, key[1], key[2])
    view: Json = {"uri": uri, "cid": found.cid, "creator": creator, "likeCount": found.likes}
    _add_viewer(state, found, view)
    view["indexedAt"] = iso(found.sort_at)
    view["labels"] = labels_of(state, uri) + self_labels(uri, state.did(key[2]), found.cid, record)
    if detailed:
        for name in ("policies", "reasonTypes", "subjectTypes", "subjectCollections"):
            if record.get(name) is not None:
                view[name] = record[name]
    return view


def _add_viewer(state: State, found: Record, view: Json) -> None:
    if state.viewer is None:
        return
    viewer: Json = {}
    if found.viewer_like is not None:
        viewer["like"] = f"at://{state.asker.did}/{state.spelling.path(LIKE, found.viewer_like)}"
    view["viewer"] = viewer
