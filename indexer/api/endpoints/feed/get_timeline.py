"""app.bsky.feed.getTimeline: what the followed accounts and the viewer posted and reposted."""

from __future__ import annotations

from typing import NamedTuple

from indexer.api.auth import Mode
from indexer.api.endpoint import Call, Endpoint, paged, pipeline
from indexer.api.parameters import Paged
from indexer.hydration.state import FeedItem, Json, State
from indexer.store.reads.cursors import Cursor, of_an_older_kind
from indexer.views.feeds import feed_answer, without_blocked_and_muted


class Params(Paged, frozen=True, kw_only=True):
    algorithm: str | None = None


class Skeleton(NamedTuple):
    items: list[FeedItem]
    cursor: str | None = None


async def skeleton(call: Call[Params]) -> Skeleton:
    if of_an_older_kind(call.params.cursor):
        return Skeleton([])
    cursor = Cursor.parse(call.params.cursor)
    return Skeleton(*await call.services.home.page(call.viewer, cursor, call.params.limit))


async def hydrate(call: Call[Params], found: Skeleton) -> State:
    return await call.services.hydrator.feed(call.asker, found.items)


def rules(call: Call[Params], found: Skeleton, state: State) -> Skeleton:
    return found._replace(items=without_blocked_and_muted(state, found.items))


def present(call: Call[Params], found: Skeleton, state: State) -> Json:
    return feed_answer(state, found.items, found.cursor)


ENDPOINT = Endpoint(
    "app.bsky.feed.getTimeline",
    Params,
    paged("feed", pipeline(skeleton, hydrate, present, rules)),
    auth=Mode.STANDARD,
    repo_rev=True,
)
