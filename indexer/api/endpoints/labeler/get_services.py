"""app.bsky.labeler.getServices: labelers by their DIDs."""

from __future__ import annotations

from indexer.api.endpoint import Call, Endpoint, pipeline
from indexer.api.listing import Listing, hydrate_listing
from indexer.api.parameters import Did, Parameters
from indexer.hydration.state import Json, State
from indexer.views.services import labeler


class Params(Parameters, frozen=True, kw_only=True):
    dids: list[Did]
    detailed: bool = False


async def skeleton(call: Call[Params]) -> Listing:
    uris = [f"at://{did}/app.bsky.labeler.service/self" for did in call.params.dids]
    found = await call.services.keys.keys_of_uris(uris)
    return Listing([found[uri] for uri in uris if uri in found])


def present(call: Call[Params], found: Listing, state: State) -> Json:
    name = "app.bsky.labeler.defs#labelerView" + ("Detailed" if call.params.detailed else "")
    views = (labeler(state, key, detailed=call.params.detailed) for key in found.keys)
    return {"views": [{"$type": name, **view} for view in views if view is not None]}


ENDPOINT = Endpoint("app.bsky.labeler.getServices", Params, pipeline(skeleton, hydrate_listing, present))
