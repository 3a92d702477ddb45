"""app.bsky.feed.getFeedGenerators: several feed generators by their URIs."""

from __future__ import annotations

from indexer.api.endpoint import Call, Endpoint, pipeline
from indexer.api.listing import Listing, hydrate_listing, named, present_listing
from indexer.api.parameters import AtUri, Parameters
from indexer.records.collections import GENERATOR
from indexer.views.services import generator


class Params(Parameters, frozen=True, kw_only=True):
    feeds: list[AtUri]


async def skeleton(call: Call[Params]) -> Listing:
    return await named(call, call.params.feeds, GENERATOR)


ENDPOINT = Endpoint(
    "app.bsky.feed.getFeedGenerators",
    Params,
    pipeline(skeleton, hydrate_listing, present_listing("feeds", generator)),
)
