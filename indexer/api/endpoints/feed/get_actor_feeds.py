"""app.bsky.feed.getActorFeeds: the feed generators of an account."""

from __future__ import annotations

from indexer.api.endpoint import Endpoint, paged, pipeline
from indexer.api.listing import OfAccount, hydrate_listing, made_by, present_listing
from indexer.records.collections import GENERATOR
from indexer.views.services import generator

ENDPOINT = Endpoint(
    "app.bsky.feed.getActorFeeds",
    OfAccount,
    paged(
        "feeds",
        pipeline(made_by(GENERATOR, by_creation=True), hydrate_listing, present_listing("feeds", generator)),
    ),
)
