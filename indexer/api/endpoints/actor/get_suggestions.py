"""app.bsky.actor.getSuggestions: accounts that the viewer may like to follow, because its follows follow them."""

from __future__ import annotations

from typing import NamedTuple

from indexer.api.endpoint import Call, Endpoint, paged, pipeline
from indexer.api.parameters import Paged
from indexer.errors import InvalidRequest
from indexer.hydration.state import Json, State
from indexer.views.profiles import profile
from indexer.views.profiles_detailed import known_followers
from indexer.views.rules import viewer_blocks, viewer_mutes


class Skeleton(NamedTuple):
    actors: list[int]
    cursor: str | None = None


async def skeleton(call: Call[Paged]) -> Skeleton:
    viewer = call.asker.viewer
    cursor = call.params.cursor or "0"
    if not cursor.isdecimal() or len(cursor) > 9:
        raise InvalidRequest("Malformed cursor")
    if viewer is None:
        return Skeleton([])
    start, limit = int(cursor), call.params.limit
    actors = await call.services.search.suggestions(viewer, start, limit + 1)
    return Skeleton(actors[:limit], str(start + limit) if len(actors) > limit else None)


async def hydrate(call: Call[Paged], found: Skeleton) -> State:
    return await call.services.hydrator.profiles_detailed(call.asker, found.actors)


def rules(call: Call[Paged], found: Skeleton, state: State) -> Skeleton:
    actors = [
        actor for actor in found.actors if not viewer_blocks(state, actor) and not viewer_mutes(state, actor)
    ]
    return found._replace(actors=actors)


def present(call: Call[Paged], found: Skeleton, state: State) -> Json:
    answer: Json = {"actors": suggested_views(state, found.actors)}
    if found.cursor is not None:
        answer["cursor"] = found.cursor
    return answer


def suggested_views(state: State, actors: list[int]) -> list[Json]:
    """Profile views with those of the viewer's follows who follow each account."""
    views = []
    for actor in actors:
        view = profile(state, actor)
        if view is None:
            continue
        known = known_followers(state, actor)
        if known is not None and "viewer" in view:
            view["viewer"] = {**view["viewer"], "knownFollowers": known}
        views.append(view)
    return views


ENDPOINT = Endpoint(
    "app.bsky.actor.getSuggestions", Paged, paged("actors", pipeline(skeleton, hydrate, present, rules))
)
