"""app.bsky.feed.getFeedGenerators: several feed generators by their URIs."""

from __future__ import annotations

from indexer.api.endpoint import Call, Endpoint, pipeline
from indexer.api.listing import Listing, hydrate_listing, present_listing
from indexer.api.parameters import AtUri, Parameters
from indexer.records.collections import GENERATOR
from indexer.views.services import generator


class Params(Parameters, frozen=True, kw_only=True):
    feeds: list[AtUri]


async def skeleton(call: Call[Params]) -> Listing:
    uris = call.params.feeds
    found = await call.services.keys.keys_of_uris(uris)
    return Listing([found[uri] for uri in uris if uri in found and found[uri][0] == GENERATOR])


ENDPOINT = Endpoint(
    "app.bsky.feed.getFeedGenerators",
    Params,
    pipeline(skeleton, hydrate_listing, present_listing("feeds", generator)),
)
