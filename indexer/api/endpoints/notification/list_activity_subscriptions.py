"""app.bsky.notification.listActivitySubscriptions: the accounts whose activity the viewer is subscribed to."""

from __future__ import annotations

from typing import NamedTuple

from indexer.api.auth import Mode
from indexer.api.endpoint import Call, Endpoint, paged, pipeline
from indexer.api.endpoints.bookmark.get_bookmarks import key_cursor
from indexer.api.parameters import Paged
from indexer.hydration.state import Json, State
from indexer.store.reads.cursors import of_an_older_kind
from indexer.views.profiles import profile
from indexer.views.rules import viewer_blocks


class Skeleton(NamedTuple):
    actors: list[int]
    cursor: str | None = None


async def skeleton(call: Call[Paged]) -> Skeleton:
    if of_an_older_kind(call.params.cursor):
        return Skeleton([])
    before = key_cursor(call.params.cursor)
    return Skeleton(*await call.services.private.subscriptions(call.viewer, before, call.params.limit))


async def hydrate(call: Call[Paged], found: Skeleton) -> State:
    return await call.services.hydrator.profiles_detailed(call.asker, found.actors)


def rules(call: Call[Paged], found: Skeleton, state: State) -> Skeleton:
    return found._replace(actors=[actor for actor in found.actors if not viewer_blocks(state, actor)])


def present(call: Call[Paged], found: Skeleton, state: State) -> Json:
    views = (profile(state, actor) for actor in found.actors)
    answer: Json = {"subscriptions": [view for view in views if view is not None]}
    if found.cursor is not None:
        answer["cursor"] = found.cursor
    return answer


ENDPOINT = Endpoint(
    "app.bsky.notification.listActivitySubscriptions",
    Paged,
    paged("subscriptions", pipeline(skeleton, hydrate, present, rules)),
    auth=Mode.STANDARD,
)
