"""app.bsky.graph.getMutes: the accounts that the viewer has muted wholly."""

from __future__ import annotations

from indexer.api.auth import Mode
from indexer.api.endpoint import Call, Endpoint, paged, pipeline
from indexer.api.listing import Accounts, hydrate_accounts, present_accounts
from indexer.api.parameters import Paged
from indexer.store.reads.cursors import Cursor, cut, of_an_older_kind


async def skeleton(call: Call[Paged]) -> Accounts:
    params = call.params
    if of_an_older_kind(params.cursor):
        return Accounts([])
    cursor = Cursor.parse(params.cursor)
    mutes = await call.services.private.mutes(call.viewer)
    page, after = cut(
        [mute for mute in mutes if cursor is None or (mute.sort_at, mute.place) < cursor], params.limit
    )
    return Accounts([mute.subject for mute in page if mute.whole], after)


ENDPOINT = Endpoint(
    "app.bsky.graph.getMutes",
    Paged,
    paged("mutes", pipeline(skeleton, hydrate_accounts, present_accounts("mutes"))),
    auth=Mode.STANDARD,
)
