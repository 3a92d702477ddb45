"""app.bsky.graph.getFollowers: who follows an account."""

from __future__ import annotations

from typing import NamedTuple

from indexer.api.auth import Mode
from indexer.api.endpoint import Call, Endpoint, paged, pipeline
from indexer.api.parameters import AtIdentifier, Paged
from indexer.errors import InvalidRequest
from indexer.hydration.state import Edge, Json, State
from indexer.store.reads.cursors import Cursor, of_an_older_kind
from indexer.views.profiles import profile
from indexer.views.rules import third_parties_block, viewer_blocks


class Params(Paged, frozen=True, kw_only=True):
    actor: AtIdentifier
    sort: str | None = None


class Skeleton(NamedTuple):
    actor: int
    follows: list[Edge]
    cursor: str | None = None


async def skeleton(call: Call[Params]) -> Skeleton:
    params = call.params
    actor = await call.actor(params.actor, f"Actor not found: {params.actor}")
    if of_an_older_kind(params.cursor):
        return Skeleton(actor, [])
    cursor = Cursor.parse(params.cursor)
    return Skeleton(actor, *await call.services.edges.follows_of(actor, cursor, params.limit))


async def hydrate(call: Call[Params], found: Skeleton) -> State:
    hydrator = call.services.hydrator
    state = hydrator.state(call.asker)
    await hydrator.add_pairs(state, [(follow.actor, follow.subject[1]) for follow in found.follows])
    await hydrator.add_profiles(state, [found.actor, *(follow.actor for follow in found.follows)])
    return state


def rules(call: Call[Params], found: Skeleton, state: State) -> Skeleton:
    follows = [
        follow
        for follow in found.follows
        if not third_parties_block(state, follow.actor, follow.subject[1])
        and not viewer_blocks(state, follow.actor)
    ]
    return found._replace(follows=follows)


def present(call: Call[Params], found: Skeleton, state: State) -> Json:
    subject = profile(state, found.actor)
    if subject is None:
        raise InvalidRequest(f"Actor not found: {call.params.actor}")
    views = (profile(state, follow.actor) for follow in found.follows)
    answer: Json = {"followers": [view for view in views if view is not None], "subject": subject}
    if found.cursor is not None:
        answer["cursor"] = found.cursor
    return answer


ENDPOINT = Endpoint(
    "app.bsky.graph.getFollowers",
    Params,
    paged("followers", pipeline(skeleton, hydrate, present, rules)),
    auth=Mode.OPTIONAL_STANDARD_OR_ROLE,
)
