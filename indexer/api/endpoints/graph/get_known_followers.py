"""app.bsky.graph.getKnownFollowers: those whom the viewer follows and who follow an account."""

from __future__ import annotations

from typing import NamedTuple

from indexer.api.auth import Mode
from indexer.api.endpoint import Call, Endpoint, pipeline
from indexer.api.parameters import AtIdentifier, Paged
from indexer.errors import InvalidRequest
from indexer.hydration.state import Json, State
from indexer.store.reads.cursors import of_an_older_kind
from indexer.views.profiles import profile
from indexer.views.rules import viewer_blocks


class Params(Paged, frozen=True, kw_only=True):
    actor: AtIdentifier


class Skeleton(NamedTuple):
    actor: int
    known: list[int]


async def skeleton(call: Call[Params]) -> Skeleton:
    actor = await call.actor(call.params.actor, f"Actor not found: {call.params.actor}")
    if of_an_older_kind(call.params.cursor):
        return Skeleton(actor, [])
    rows = await call.services.database.rows("known_followers", call.viewer, actor, call.params.limit)
    return Skeleton(actor, [row["actor"] for row in rows])


async def hydrate(call: Call[Params], found: Skeleton) -> State:
    return await call.services.hydrator.profiles(call.asker, [found.actor, *found.known])


def rules(call: Call[Params], found: Skeleton, state: State) -> Skeleton:
    return found._replace(known=[actor for actor in found.known if not viewer_blocks(state, actor)])


def present(call: Call[Params], found: Skeleton, state: State) -> Json:
    subject = profile(state, found.actor)
    if subject is None:
        raise InvalidRequest(f"Actor not found: {call.params.actor}")
    views = (profile(state, actor) for actor in found.known)
    return {"subject": subject, "followers": [view for view in views if view is not None]}


ENDPOINT = Endpoint(
    "app.bsky.graph.getKnownFollowers",
    Params,
    pipeline(skeleton, hydrate, present, rules),
    auth=Mode.STANDARD,
)
