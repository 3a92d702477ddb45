"""The stages that getFollows and getFollowers have in common: they look at the same follows from either end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from indexer.api.auth import Mode
from indexer.api.endpoint import Call, Endpoint, paged, pipeline
from indexer.api.listing import OfAccount, page
from indexer.errors import InvalidRequest
from indexer.hydration.state import Edge, Json, State
from indexer.store.reads.cursors import Cursor, of_an_older_kind
from indexer.store.reads.edges import Edges
from indexer.views.profiles import profile
from indexer.views.rules import third_parties_block, viewer_blocks


class Params(OfAccount, frozen=True, kw_only=True):
    sort: str | None = None


class Skeleton(NamedTuple):
    actor: int
    follows: list[Edge]
    cursor: str | None = None


Read = Callable[[Edges, int, Cursor | None, int], Awaitable[tuple[list[Edge], str | None]]]


def follow_endpoint(nsid: str, items: str, read: Read, other: Callable[[Edge], int]) -> Endpoint[Any]:
    """A method that lists under `items` the accounts at the `other` end of the follows that `read` gives."""

    async def skeleton(call: Call[Params]) -> Skeleton:
        params = call.params
        actor = await call.actor(params.actor, f"Actor not found: {params.actor}")
        if of_an_older_kind(params.cursor):
            return Skeleton(actor, [])
        cursor = Cursor.parse(params.cursor)
        return Skeleton(actor, *await read(call.services.edges, actor, cursor, params.limit))

    async def hydrate(call: Call[Params], found: Skeleton) -> State:
        hydrator = call.services.hydrator
        state = hydrator.state(call.asker)
        await hydrator.add_pairs(state, [(follow.actor, follow.subject[1]) for follow in found.follows])
        await hydrator.add_profiles(state, [found.actor, *map(other, found.follows)])
        return state

    def rules(call: Call[Params], found: Skeleton, state: State) -> Skeleton:
        follows = [
            follow
            for follow in found.follows
            if not third_parties_block(state, follow.actor, follow.subject[1])
            and not viewer_blocks(state, other(follow))
        ]
        return found._replace(follows=follows)

    def present(call: Call[Params], found: Skeleton, state: State) -> Json:
        subject = profile(state, found.actor)
        if subject is None:
            raise InvalidRequest(f"Actor not found: {call.params.actor}")
        views = (profile(state, other(follow)) for follow in found.follows)
        return {**page(items, views, found.cursor), "subject": subject}

    answer = paged(items, pipeline(skeleton, hydrate, present, rules))
    return Endpoint(nsid, Params, answer, auth=Mode.OPTIONAL_STANDARD_OR_ROLE)
