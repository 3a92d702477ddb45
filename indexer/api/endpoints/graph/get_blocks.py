"""app.bsky.graph.getBlocks: the accounts that the viewer blocks."""

from __future__ import annotations

from typing import NamedTuple

from indexer.api.auth import Mode
from indexer.api.endpoint import Call, Endpoint, paged, pipeline
from indexer.api.parameters import Paged
from indexer.hydration.state import Edge, Json, State
from indexer.store.reads.cursors import Cursor, of_an_older_kind
from indexer.views.profiles import profile


class Skeleton(NamedTuple):
    blocks: list[Edge]
    cursor: str | None = None


async def skeleton(call: Call[Paged]) -> Skeleton:
    if of_an_older_kind(call.params.cursor):
        return Skeleton([])
    cursor = Cursor.parse(call.params.cursor)
    return Skeleton(*await call.services.edges.blocks_by(call.viewer, cursor, call.params.limit))


async def hydrate(call: Call[Paged], found: Skeleton) -> State:
    return await call.services.hydrator.profiles(call.asker, [block.subject[1] for block in found.blocks])


def present(call: Call[Paged], found: Skeleton, state: State) -> Json:
    views = (profile(state, block.subject[1]) for block in found.blocks)
    answer: Json = {"blocks": [view for view in views if view is not None]}
    if found.cursor is not None:
        answer["cursor"] = found.cursor
    return answer


ENDPOINT = Endpoint(
    "app.bsky.graph.getBlocks",
    Paged,
    paged("blocks", pipeline(skeleton, hydrate, present)),
    auth=Mode.STANDARD,
)
