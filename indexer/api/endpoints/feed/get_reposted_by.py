"""app.bsky.feed.getRepostedBy: who reposted a post."""

from __future__ import annotations

from typing import NamedTuple

from indexer.api.endpoint import Call, Endpoint, paged, pipeline
from indexer.api.endpoints.feed.get_likes import with_subject
from indexer.api.parameters import AtUri, Cid, Paged
from indexer.hydration.state import Edge, Json, State
from indexer.store.reads.cursors import Cursor, of_an_older_kind
from indexer.views.profiles import profile
from indexer.views.rules import viewer_blocks


class Params(Paged, frozen=True, kw_only=True):
    uri: AtUri
    cid: Cid | None = None


class Skeleton(NamedTuple):
    reposts: list[Edge]
    cursor: str | None = None


async def skeleton(call: Call[Params]) -> Skeleton:
    params = call.params
    if of_an_older_kind(params.cursor):
        return Skeleton([])
    cursor = Cursor.parse(params.cursor)
    key = (await call.services.keys.post_keys([params.uri])).get(params.uri)
    if key is None:
        return Skeleton([])
    return Skeleton(*await call.services.edges.reposts_of(key, cursor, params.limit))


async def hydrate(call: Call[Params], found: Skeleton) -> State:
    return await call.services.hydrator.profiles(call.asker, [repost.actor for repost in found.reposts])


def rules(call: Call[Params], found: Skeleton, state: State) -> Skeleton:
    return found._replace(reposts=[r for r in found.reposts if not viewer_blocks(state, r.actor)])


def present(call: Call[Params], found: Skeleton, state: State) -> Json:
    views = (profile(state, repost.actor) for repost in found.reposts)
    answer = {"repostedBy": [view for view in views if view is not None]}
    return with_subject(call.params.uri, call.params.cid, answer, found.cursor)


ENDPOINT = Endpoint(
    "app.bsky.feed.getRepostedBy", Params, paged("repostedBy", pipeline(skeleton, hydrate, present, rules))
)
