"""app.bsky.actor.searchActors: accounts by parts of their handles."""

from __future__ import annotations

from typing import NamedTuple

from indexer.api.endpoint import Call, Endpoint, paged, pipeline
from indexer.api.parameters import Limit, Paged
from indexer.hydration.state import Json, State
from indexer.store.reads.cursors import Cursor
from indexer.views.profiles import profile
from indexer.views.rules import viewer_blocks


class Params(Paged, frozen=True, kw_only=True):
    term: str | None = None
    q: str | None = None
    limit: Limit = 25

    @property
    def wanted(self) -> str:
        """What is looked for; `term` is its older name."""
        return self.q or self.term or ""


class Skeleton(NamedTuple):
    actors: list[int]
    cursor: str | None = None


async def skeleton(call: Call[Params]) -> Skeleton:
    params = call.params
    return Skeleton(
        *await call.services.search.actors(params.wanted, Cursor.parse(params.cursor), params.limit)
    )


async def hydrate(call: Call[Params], found: Skeleton) -> State:
    return await call.services.hydrator.profiles(call.asker, found.actors)


def rules(call: Call[Params], found: Skeleton, state: State) -> Skeleton:
    return found._replace(actors=[actor for actor in found.actors if not viewer_blocks(state, actor)])


def present(call: Call[Params], found: Skeleton, state: State) -> Json:
    views = (profile(state, actor) for actor in found.actors)
    answer: Json = {"actors": [view for view in views if view is not None]}
    if found.cursor is not None:
        answer["cursor"] = found.cursor
    return answer


ENDPOINT = Endpoint(
    "app.bsky.actor.searchActors",
    Params,
    paged("actors", pipeline(skeleton, hydrate, present, rules)),
)
