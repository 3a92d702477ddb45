"""Notifications: app.bsky.notification.listNotifications#notification."""

from __future__ import annotations

from typing import Any

from indexer.hydration.encoding import iso
from indexer.hydration.state import Json, Notice, State, Stored
from indexer.records.collections import FOLLOW, LIKE, POST, PROFILE, REPOST, STARTER_PACK, VERIFICATION
from indexer.records.notices import REASONS
from indexer.views.labels import labels_of, self_labels
from indexer.views.packs import starter_pack_basic
from indexer.views.profiles import profile

#: What stands in the place of a verification that was withdrawn, and its CID.
_DELETED: Json = {"$type": "app.bsky.notification.defs#recordDeleted"}
_DELETED_CID = "bafyreidad6nyekfa4a67yfb573ptxiv6s7kyxyg2ra6qbbemcruadvtuim"


def notification(state: State, notice: Notice, seen: str | None) -> Json | None:
    """The view of a notification; None where its record or author cannot be shown. `seen`: ISO time."""
    author = profile(state, notice.author)
    if author is None:
        return None
    uri = state.uri(*notice.record)
    found = _record(state, notice)
    if found is None:
        return None
    cid, stored = found
    at = iso(notice.sort_at)
    view: Json = {
        "uri": uri,
        "cid": cid,
        "author": author,
        "reason": REASONS[notice.reason],
    }
    if notice.subject is not None:
        view["reasonSubject"] = state.uri(*notice.subject)
    view["record"] = stored.json() if isinstance(stored, Stored) else stored
    pack = _pack(state, notice, stored)
    if pack is not None:
        view["starterPack"] = pack
    view["isRead"] = seen > at if seen is not None else True
    view["indexedAt"] = at
    labels = labels_of(state, uri)
    if isinstance(stored, Stored) and notice.record[0] in (POST, PROFILE):
        labels += self_labels(uri, author["did"], cid, stored.value())
    view["labels"] = labels
    return view


def _record(state: State, notice: Notice) -> tuple[str, Any] | None:
    kind, key, actor = notice.record
    if notice.edge is not None:
        return notice.edge.cid, Stored(notice.edge.record)
    if kind == POST:
        post = state.posts.get((key, actor))
        return None if post is None else (post.cid, post.record)
    if kind == PROFILE:
        owner = state.actors.get(actor)
        if owner is None or owner.profile is None or owner.profile_cid is None:
            return None
        return owner.cid_of_profile(), owner.profile
    if kind in (LIKE, REPOST):
        edge = state.edges.get(notice.record)
        return None if edge is None else (edge.cid, Stored(edge.record))
    record = state.records.get(notice.record)
    if record is not None:
        return record.cid, record.record
    return (_DELETED_CID, _DELETED) if kind == VERIFICATION else None


def _pack(state: State, notice: Notice, stored: Any) -> Json | None:
    """The starter pack by which somebody came to follow."""
    if notice.record[0] != FOLLOW or not isinstance(stored, Stored):
        return None
    uri = pack_uri(stored)
    key = None if uri is None else state.uris.get(uri)
    return None if key is None or key[0] != STARTER_PACK else starter_pack_basic(state, (key[1], key[2]))


def pack_uri(follow: Stored) -> str | None:
    """The URI of the starter pack through which a follow was made."""
    if not follow.holds(b"/app.bsky.graph.starterpack/"):
        return None
    via = follow.value().get("via")
    uri = via.get("uri") if isinstance(via, dict) else None
    return uri if isinstance(uri, str) and "/app.bsky.graph.starterpack/" in uri else None
