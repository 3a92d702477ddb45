"""app.bsky.feed.getRepostedBy: who reposted a post."""

from __future__ import annotations

from typing import NamedTuple

from indexer.api.endpoint import Call, Endpoint, paged, pipeline
from indexer.api.subjects import Params, pointing, with_subject
from indexer.hydration.state import Edge, Json, State
from indexer.views.profiles import profile
from indexer.views.rules import viewer_blocks


class Skeleton(NamedTuple):
    reposts: list[Edge]
    cursor: str | None = None


async def skeleton(call: Call[Params]) -> Skeleton:
    return Skeleton(*await pointing(call, call.services.edges.reposts_of))


async def hydrate(call: Call[Params], found: Skeleton) -> State:
    return await call.services.hydrator.profiles(call.asker, [repost.actor for repost in found.reposts])


def rules(call: Call[Params], found: Skeleton, state: State) -> Skeleton:
    return found._replace(reposts=[r for r in found.reposts if not viewer_blocks(state, r.actor)])


def present(call: Call[Params], found: Skeleton, state: State) -> Json:
    views = (profile(state, repost.actor) for repost in found.reposts)
    answer = {"repostedBy": [view for view in views if view is not None]}
    return with_subject(call, answer, found.cursor)


ENDPOINT = Endpoint(
    "app.bsky.feed.getRepostedBy", Params, paged("repostedBy", pipeline(skeleton, hydrate, present, rules))
)
