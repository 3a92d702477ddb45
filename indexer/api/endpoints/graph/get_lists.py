"""app.bsky.graph.getLists: the moderation and curation lists of an account."""

from __future__ import annotations

from typing import Any

from indexer.api.auth import Mode
from indexer.api.endpoint import Call, Endpoint, paged, pipeline
from indexer.api.listing import Listing, OfAccount, hydrate_listing, made_by, present_listing
from indexer.hydration.state import RecordKey, State
from indexer.records.collections import LIST
from indexer.views.lists import list_view

_PURPOSES = {"modlist": "app.bsky.graph.defs#modlist", "curatelist": "app.bsky.graph.defs#curatelist"}


class Params(OfAccount, frozen=True, kw_only=True):
    purposes: list[str] | None = None


def rules(call: Call[Params], found: Listing, state: State) -> Listing:
    return found._replace(keys=with_purpose(call, found.keys, state))


def with_purpose(call: Call[Any], keys: list[RecordKey], state: State) -> list[RecordKey]:
    """Those of these lists that serve a purpose that the request asks for (default: both, but no reference lists)."""
    wanted = call.params.purposes or list(_PURPOSES)
    accepted = {_PURPOSES.get(purpose, purpose) for purpose in wanted} & set(_PURPOSES.values())
    return [
        key
        for key in keys
        if key in state.records and state.records[key].record.value().get("purpose") in accepted
    ]


ENDPOINT = Endpoint(
    "app.bsky.graph.getLists",
    Params,
    paged("lists", pipeline(made_by(LIST), hydrate_listing, present_listing("lists", list_view), rules)),
    auth=Mode.STANDARD_OPTIONAL,
)
