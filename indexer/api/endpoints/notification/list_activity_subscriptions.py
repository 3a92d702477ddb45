"""app.bsky.notification.listActivitySubscriptions: the accounts whose activity the viewer is subscribed to."""

from __future__ import annotations

from indexer.api.auth import Mode
from indexer.api.endpoint import Call, Endpoint, paged, pipeline
from indexer.api.endpoints.bookmark.get_bookmarks import key_cursor
from indexer.api.listing import Accounts, present_accounts, unblocked
from indexer.api.parameters import Paged
from indexer.hydration.state import State
from indexer.store.reads.cursors import of_an_older_kind


async def skeleton(call: Call[Paged]) -> Accounts:
    if of_an_older_kind(call.params.cursor):
        return Accounts([])
    before = key_cursor(call.params.cursor)
    return Accounts(*await call.services.private.subscriptions(call.viewer, before, call.params.limit))


async def hydrate(call: Call[Paged], found: Accounts) -> State:
    return await call.services.hydrator.profiles_detailed(call.asker, found.actors)


ENDPOINT = Endpoint(
    "app.bsky.notification.listActivitySubscriptions",
    Paged,
    paged("subscriptions", pipeline(skeleton, hydrate, present_accounts("subscriptions"), unblocked)),
    auth=Mode.STANDARD,
)
