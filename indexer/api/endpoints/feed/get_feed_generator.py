"""app.bsky.feed.getFeedGenerator: a feed generator, whose service must say in its DID document that it is one."""

from __future__ import annotations

from indexer.api.endpoint import Call, Endpoint, pipeline
from indexer.api.listing import Listing, hydrate_listing
from indexer.api.parameters import AtUri, Parameters
from indexer.errors import IdentityError, InvalidRequest
from indexer.hydration.state import Json, State
from indexer.records.collections import GENERATOR
from indexer.views.services import generator


class Params(Parameters, frozen=True, kw_only=True):
    feed: AtUri


async def skeleton(call: Call[Params]) -> Listing:
    key = (await call.services.keys.keys_of_uris([call.params.feed])).get(call.params.feed)
    if key is None or key[0] != GENERATOR:
        raise InvalidRequest("could not find feed")
    return Listing([key])


async def hydrate(call: Call[Params], found: Listing) -> State:
    state = await hydrate_listing(call, found)
    record = state.records.get(found.keys[0])
    if record is None:
        raise InvalidRequest("could not find feed")
    did = str(record.record.value().get("did"))
    try:
        document = await call.services.identities.resolve(did)
    except IdentityError:
        raise InvalidRequest(f"could not resolve identity: {did}") from None
    if "#bsky_fg" not in {f"#{name.removeprefix('#')}" for name in document.services}:
        raise InvalidRequest(f"invalid feed generator service details in did document: {did}")
    return state


def present(call: Call[Params], found: Listing, state: State) -> Json:
    _, key, actor = found.keys[0]
    view = generator(state, (key, actor))
    if view is None:
        raise InvalidRequest("could not find feed")
    return {"view": view, "isOnline": True, "isValid": True}


ENDPOINT = Endpoint("app.bsky.feed.getFeedGenerator", Params, pipeline(skeleton, hydrate, present))
