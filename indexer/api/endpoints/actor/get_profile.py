"""app.bsky.actor.getProfile: one account in detail, or why it is not there."""

from __future__ import annotations

from indexer.api.auth import Mode
from indexer.api.endpoint import Call, Endpoint, pipeline
from indexer.api.parameters import AtIdentifier, Parameters
from indexer.errors import InvalidRequest
from indexer.hydration.state import Json, State
from indexer.views.profiles_detailed import gone_error, profile_detailed


class Params(Parameters, frozen=True, kw_only=True):
    actor: AtIdentifier


async def skeleton(call: Call[Params]) -> int:
    return await call.actor(call.params.actor)


async def hydrate(call: Call[Params], actor: int) -> State:
    return await call.services.hydrator.profiles_detailed(call.asker, [actor])


def present(call: Call[Params], actor: int, state: State) -> Json:
    view = profile_detailed(state, actor, hosted=False)
    if view is None:
        raise InvalidRequest("Profile not found")
    gone = None if call.asker.include_takedowns else gone_error(state, actor)
    if gone is not None:
        raise InvalidRequest(*gone)
    return view


ENDPOINT = Endpoint(
    "app.bsky.actor.getProfile",
    Params,
    pipeline(skeleton, hydrate, present),
    auth=Mode.OPTIONAL_STANDARD_OR_ROLE,
    repo_rev=True,
)
