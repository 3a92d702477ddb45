"""app.bsky.feed.getLikes: who likes a record."""

from __future__ import annotations

from typing import NamedTuple

from indexer.api.endpoint import Call, Endpoint, paged, pipeline
from indexer.api.listing import page
from indexer.api.subjects import Params, pointing, with_subject
from indexer.errors import InvalidRequest
from indexer.hydration.encoding import iso
from indexer.hydration.state import Edge, Json, State
from indexer.views.profiles import profile
from indexer.views.rules import third_parties_block, viewer_blocks


class Skeleton(NamedTuple):
    likes: list[Edge]
    cursor: str | None = None


async def skeleton(call: Call[Params]) -> Skeleton:
    if call.params.cursor is not None and call.params.cursor.startswith("did:"):
        raise InvalidRequest("Cursor appear to be out of date, please try reloading.")
    return Skeleton(*await pointing(call, call.services.edges.likes_of))


async def hydrate(call: Call[Params], found: Skeleton) -> State:
    hydrator = call.services.hydrator
    state = hydrator.state(call.asker)
    await hydrator.add_pairs(state, [(like.subject[1], like.actor) for like in found.likes])
    await hydrator.add_profiles(state, [like.actor for like in found.likes])
    return state


def rules(call: Call[Params], found: Skeleton, state: State) -> Skeleton:
    likes = [
        like
        for like in found.likes
        if not viewer_blocks(state, like.actor)
        and not third_parties_block(state, like.subject[1], like.actor)
    ]
    return found._replace(likes=likes)


def present(call: Call[Params], found: Skeleton, state: State) -> Json:
    likes = []
    for like in found.likes:
        actor = profile(state, like.actor)
        if actor is not None:
            likes.append({"actor": actor, "createdAt": iso(like.created_at), "indexedAt": iso(like.sort_at)})
    return with_subject(call, page("likes", likes, found.cursor))


ENDPOINT = Endpoint(
    "app.bsky.feed.getLikes", Params, paged("likes", pipeline(skeleton, hydrate, present, rules))
)
