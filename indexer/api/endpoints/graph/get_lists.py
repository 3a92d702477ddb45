"""app.bsky.graph.getLists: the moderation and curation lists of an account."""

from __future__ import annotations

from typing import Any

from indexer.api.auth import Mode
from indexer.api.endpoint import Call, Endpoint, paged, pipeline
from indexer.api.listing import Listing, hydrate_listing, present_listing
from indexer.api.parameters import AtIdentifier, Paged
from indexer.hydration.state import RecordKey, State
from indexer.records.collections import LIST
from indexer.store.reads.cursors import Cursor, of_an_older_kind
from indexer.views.lists import list_view

_PURPOSES = {"modlist": "app.bsky.graph.defs#modlist", "curatelist": "app.bsky.graph.defs#curatelist"}


class Params(Paged, frozen=True, kw_only=True):
    actor: AtIdentifier
    purposes: list[str] | None = None


async def skeleton(call: Call[Params]) -> Listing:
    params = call.params
    if of_an_older_kind(params.cursor):
        return Listing([])
    actor = await call.actor(params.actor)
    cursor = Cursor.parse(params.cursor)
    page, after = await call.services.lists.made_by(actor, LIST, cursor, params.limit)
    return Listing([listed.key for listed in page], after)


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
    paged("lists", pipeline(skeleton, hydrate_listing, present_listing("lists", list_view), rules)),
    auth=Mode.STANDARD_OPTIONAL,
)
