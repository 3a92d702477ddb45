"""app.bsky.graph.getListBlocks: the lists that the viewer blocks."""

from __future__ import annotations

from indexer.api.auth import Mode
from indexer.api.endpoint import Call, Endpoint, paged, pipeline
from indexer.api.listing import Listing, hydrate_listing, present_listing
from indexer.api.parameters import Paged
from indexer.store.reads.cursors import Cursor, of_an_older_kind
from indexer.views.lists import list_view


async def skeleton(call: Call[Paged]) -> Listing:
    if of_an_older_kind(call.params.cursor):
        return Listing([])
    cursor = Cursor.parse(call.params.cursor)
    page, after = await call.services.lists.blocked_by(call.viewer, cursor, call.params.limit)
    return Listing([listed.key for listed in page], after)


ENDPOINT = Endpoint(
    "app.bsky.graph.getListBlocks",
    Paged,
    paged("lists", pipeline(skeleton, hydrate_listing, present_listing("lists", list_view))),
    auth=Mode.STANDARD,
)
