"""app.bsky.graph.getMutes: the accounts that the viewer has muted wholly."""

from __future__ import annotations

from typing import NamedTuple

from indexer.api.auth import Mode
from indexer.api.endpoint import Call, Endpoint, paged, pipeline
from indexer.api.parameters import Paged
from indexer.hydration.state import Json, State
from indexer.store.reads.cursors import Cursor, cut, of_an_older_kind
from indexer.views.profiles import profile


class Skeleton(NamedTuple):
    actors: list[int]
    cursor: str | None = None


async def skeleton(call: Call[Paged]) -> Skeleton:
    params = call.params
    if of_an_older_kind(params.cursor):
        return Skeleton([])
    cursor = Cursor.parse(params.cursor)
    mutes = await call.services.private.mutes(call.viewer)
    page, after = cut(
        [mute for mute in mutes if cursor is None or (mute.sort_at, mute.place) < cursor], params.limit
    )
    return Skeleton([mute.subject for mute in page if mute.whole], after)


async def hydrate(call: Call[Paged], found: Skeleton) -> State:
    return await call.services.hydrator.profiles(call.asker, found.actors)


def present(call: Call[Paged], found: Skeleton, state: State) -> Json:
    views = (profile(state, actor) for actor in found.actors)
    answer: Json = {"mutes": [view for view in views if view is not None]}
    if found.cursor is not None:
        answer["cursor"] = found.cursor
    return answer


ENDPOINT = Endpoint(
    "app.bsky.graph.getMutes", Paged, paged("mutes", pipeline(skeleton, hydrate, present)), auth=Mode.STANDARD
)
