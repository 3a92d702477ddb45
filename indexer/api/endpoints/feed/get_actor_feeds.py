"""app.bsky.feed.getActorFeeds: the feed generators of an account."""

from __future__ import annotations

from indexer.api.endpoint import Call, Endpoint, paged, pipeline
from indexer.api.listing import Listing, hydrate_listing, present_listing
from indexer.api.parameters import AtIdentifier, Paged
from indexer.records.collections import GENERATOR
from indexer.store.reads.cursors import Cursor, of_an_older_kind
from indexer.views.services import generator


class Params(Paged, frozen=True, kw_only=True):
    actor: AtIdentifier


async def skeleton(call: Call[Params]) -> Listing:
    params = call.params
    if of_an_older_kind(params.cursor):
        return Listing([])
    actor = await call.actor(params.actor)
    cursor = Cursor.parse(params.cursor)
    page, after = await call.services.lists.made_by(actor, GENERATOR, cursor, params.limit, by_creation=True)
    return Listing([listed.key for listed in page], after)


ENDPOINT = Endpoint(
    "app.bsky.feed.getActorFeeds",
    Params,
    paged("feeds", pipeline(skeleton, hydrate_listing, present_listing("feeds", generator))),
)
