"""app.bsky.graph.getBlocks: the accounts that the viewer blocks."""

from __future__ import annotations

from indexer.api.auth import Mode
from indexer.api.endpoint import Call, Endpoint, paged, pipeline
from indexer.api.listing import Accounts, hydrate_accounts, present_accounts
from indexer.api.parameters import Paged
from indexer.store.reads.cursors import Cursor, of_an_older_kind


async def skeleton(call: Call[Paged]) -> Accounts:
    if of_an_older_kind(call.params.cursor):
        return Accounts([])
    cursor = Cursor.parse(call.params.cursor)
    blocks, after = await call.services.edges.blocks_by(call.viewer, cursor, call.params.limit)
    return Accounts([block.subject[1] for block in blocks], after)


ENDPOINT = Endpoint(
    "app.bsky.graph.getBlocks",
    Paged,
    paged("blocks", pipeline(skeleton, hydrate_accounts, present_accounts("blocks"))),
    auth=Mode.STANDARD,
)
