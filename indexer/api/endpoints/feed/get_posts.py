"""app.bsky.feed.getPosts: posts by their URIs."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from indexer.api.endpoint import Call, Endpoint
from indexer.api.parameters import AtUri, Parameters
from indexer.api.shown import POSTS, show
from indexer.hydration.state import Json


class Params(Parameters, frozen=True, kw_only=True):
    uris: Annotated[list[AtUri], Meta(max_length=25)]


async def answer(call: Call[Params]) -> Json:
    uris = list(dict.fromkeys(call.params.uris))
    found = await call.services.keys.post_keys(uris)
    keys = [found[uri] for uri in uris if uri in found]
    views = await show(call.services.hydrator, call.asker, keys, POSTS)
    return {"posts": [view for view in views if view is not None]}


ENDPOINT = Endpoint("app.bsky.feed.getPosts", Params, answer)
