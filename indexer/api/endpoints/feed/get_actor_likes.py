"""app.bsky.feed.getActorLikes: what an account likes; only the account itself may ask."""

from __future__ import annotations

from typing import NamedTuple

from indexer.api.endpoint import Call, Endpoint, paged, pipeline
from indexer.api.parameters import AtIdentifier, Paged
from indexer.errors import InvalidRequest
from indexer.hydration.state import FeedItem, Json, State
from indexer.store.reads.cursors import Cursor, of_an_older_kind
from indexer.views.feeds import feed_answer
from indexer.views.rules import viewer_blocks


class Params(Paged, frozen=True, kw_only=True):
    actor: AtIdentifier


class Skeleton(NamedTuple):
    items: list[FeedItem]
    cursor: str | None = None


async def skeleton(call: Call[Params]) -> Skeleton:
    params = call.params
    if of_an_older_kind(params.cursor):
        return Skeleton([])
    actor = await call.actor(params.actor)
    if actor != call.asker.viewer:
        raise InvalidRequest("Profile not found")
    likes, cursor = await call.services.edges.likes_by(actor, Cursor.parse(params.cursor), params.limit)
    return Skeleton([FeedItem(like.sort_at, like.cid, like.subject) for like in likes], cursor)


async def hydrate(call: Call[Params], found: Skeleton) -> State:
    return await call.services.hydrator.feed(call.asker, found.items)


def rules(call: Call[Params], found: Skeleton, state: State) -> Skeleton:
    return found._replace(items=[item for item in found.items if not viewer_blocks(state, item.post[1])])


def present(call: Call[Params], found: Skeleton, state: State) -> Json:
    return feed_answer(state, found.items, found.cursor)


ENDPOINT = Endpoint(
    "app.bsky.feed.getActorLikes",
    Params,
    paged("feed", pipeline(skeleton, hydrate, present, rules)),
    repo_rev=True,
)
