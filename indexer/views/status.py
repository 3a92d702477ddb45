"""What an account says it is doing: app.bsky.actor.defs#statusView, and when such a view is another."""

from __future__ import annotations

import math
import time
from typing import Any

from indexer.hydration.encoding import cid_text, iso, record_json
from indexer.hydration.state import Actor, Json, State, Stored
from indexer.views.embeds_external import external_embed
from indexer.views.labels import labels_of

_MINUTE = 60_000
_MINIMUM = 5 * _MINUTE
_MAXIMUM = 240 * _MINUTE


def status_view(state: State, found: Actor) -> Json | None:
    """app.bsky.actor.defs#statusView: what an account says it is doing, for at most four hours."""
    if found.status_record is None or found.status_cid is None:
        return None
    stored = Stored(found.status_record, record_json(found.status_record))
    record = stored.value()
    uri = f"at://{found.did}/app.bsky.actor.status/self"
    view: Json = {
        "uri": uri,
        "cid": cid_text(found.status_cid),
        "record": stored.json(),
        "status": record.get("status"),
    }
    embed: Any = record.get("embed")
    if isinstance(embed, dict) and embed.get("$type") == "app.bsky.embed.external":
        view["embed"] = external_embed(state, found.did, embed)
    view["labels"] = labels_of(state, uri)
    expires = _expires(found, record)
    if expires is not None:
        view["expiresAt"] = iso(expires)
        view["isActive"] = expires > now()
    if found.id == state.viewer:
        view["isDisabled"] = False
    return view


def status_ends(found: Actor, at: float) -> float:
    """When (ms since 1970) the status of an account ends, which its view then tells; infinity where at `at` it has
    ended, where it has no end, or there is none.
    """
    if found.status_record is None:
        return math.inf
    expires = _expires(found, Stored(found.status_record).value())
    return expires if expires is not None and expires > at else math.inf


def now() -> float:
    """Milliseconds since 1970."""
    return time.time() * 1000


def _expires(found: Actor, record: Json) -> int | None:
    minutes = record.get("durationMinutes")
    if found.status_indexed_at is None or not isinstance(minutes, int) or not minutes:
        return None
    sort_at = found.status_indexed_at
    if found.status_created_at is not None:
        sort_at = min(sort_at, found.status_created_at)
    return sort_at + max(min(minutes * _MINUTE, _MAXIMUM), _MINIMUM)
