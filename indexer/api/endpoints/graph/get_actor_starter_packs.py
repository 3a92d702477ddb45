"""app.bsky.graph.getActorStarterPacks: the starter packs of an account."""

from __future__ import annotations

from indexer.api.endpoint import Call, Endpoint, paged, pipeline
from indexer.api.listing import Listing, hydrate_listing, present_listing
from indexer.api.parameters import AtIdentifier, Paged
from indexer.records.collections import STARTER_PACK
from indexer.store.reads.cursors import Cursor, of_an_older_kind
from indexer.views.packs import starter_pack_basic


class Params(Paged, frozen=True, kw_only=True):
    actor: AtIdentifier


async def skeleton(call: Call[Params]) -> Listing:
    params = call.params
    if of_an_older_kind(params.cursor):
        return Listing([])
    actor = await call.actor(params.actor)
    cursor = Cursor.parse(params.cursor)
    page, after = await call.services.lists.made_by(actor, STARTER_PACK, cursor, params.limit)
    return Listing([listed.key for listed in page], after)


ENDPOINT = Endpoint(
    "app.bsky.graph.getActorStarterPacks",
    Params,
    paged(
        "starterPacks",
        pipeline(skeleton, hydrate_listing, present_listing("starterPacks", starter_pack_basic)),
    ),
)
