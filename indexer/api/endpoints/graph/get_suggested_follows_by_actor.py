"""app.bsky.graph.getSuggestedFollowsByActor: whom an account follows that the viewer has just followed."""

from __future__ import annotations

from indexer.api.auth import Mode
from indexer.api.endpoint import Call, Endpoint, pipeline
from indexer.api.endpoints.actor.get_suggestions import suggested_views
from indexer.api.parameters import AtIdentifier, Parameters
from indexer.hydration.state import Json, State
from indexer.views.rules import viewer_blocks, viewer_mutes

_MOST = 10


class Params(Parameters, frozen=True, kw_only=True):
    actor: AtIdentifier


async def skeleton(call: Call[Params]) -> list[int]:
    around = await call.actor(call.params.actor, "Actor not found")
    return await call.services.search.suggestions_by(call.viewer, around, _MOST)


async def hydrate(call: Call[Params], actors: list[int]) -> State:
    return await call.services.hydrator.profiles_detailed(call.asker, actors)


def rules(call: Call[Params], actors: list[int], state: State) -> list[int]:
    return [actor for actor in actors if not viewer_blocks(state, actor) and not viewer_mutes(state, actor)]


def present(call: Call[Params], actors: list[int], state: State) -> Json:
    return {"suggestions": suggested_views(state, actors)}


ENDPOINT = Endpoint(
    "app.bsky.graph.getSuggestedFollowsByActor",
    Params,
    pipeline(skeleton, hydrate, present, rules),
    auth=Mode.STANDARD,
)
