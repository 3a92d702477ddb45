"""app.bsky.actor.getProfiles: several accounts in detail."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from indexer.api.endpoint import Call, Endpoint, pipeline
from indexer.api.parameters import AtIdentifier, Parameters
from indexer.hydration.state import Json, State
from indexer.views.profiles_detailed import profile_detailed


class Params(Parameters, frozen=True, kw_only=True):
    actors: Annotated[list[AtIdentifier], Meta(max_length=25)]


async def skeleton(call: Call[Params]) -> list[int]:
    found = await call.services.keys.ids_of_actors(call.params.actors)
    return [found[name] for name in call.params.actors if name in found]


async def hydrate(call: Call[Params], actors: list[int]) -> State:
    return await call.services.hydrator.profiles_detailed(call.asker, actors)


def present(call: Call[Params], actors: list[int], state: State) -> Json:
    views = (profile_detailed(state, actor) for actor in actors)
    return {"profiles": [view for view in views if view is not None]}


ENDPOINT = Endpoint("app.bsky.actor.getProfiles", Params, pipeline(skeleton, hydrate, present), repo_rev=True)
