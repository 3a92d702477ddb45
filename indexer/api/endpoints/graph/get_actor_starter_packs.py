"""app.bsky.graph.getActorStarterPacks: the starter packs of an account."""

from __future__ import annotations

from indexer.api.endpoint import Endpoint, paged, pipeline
from indexer.api.listing import OfAccount, hydrate_listing, made_by, present_listing
from indexer.records.collections import STARTER_PACK
from indexer.views.packs import starter_pack_basic

ENDPOINT = Endpoint(
    "app.bsky.graph.getActorStarterPacks",
    OfAccount,
    paged(
        "starterPacks",
        pipeline(made_by(STARTER_PACK), hydrate_listing, present_listing("starterPacks", starter_pack_basic)),
    ),
)
