"""app.bsky.graph.getStarterPacks: several starter packs by their URIs."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from indexer.api.endpoint import Call, Endpoint, pipeline
from indexer.api.listing import Listing, hydrate_listing, named, present_listing
from indexer.api.parameters import AtUri, Parameters
from indexer.records.collections import STARTER_PACK
from indexer.views.packs import starter_pack_basic


class Params(Parameters, frozen=True, kw_only=True):
    uris: Annotated[list[AtUri], Meta(max_length=25)]


async def skeleton(call: Call[Params]) -> Listing:
    return await named(call, call.params.uris, STARTER_PACK)


ENDPOINT = Endpoint(
    "app.bsky.graph.getStarterPacks",
    Params,
    pipeline(skeleton, hydrate_listing, present_listing("starterPacks", starter_pack_basic)),
)
