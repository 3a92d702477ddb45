"""app.bsky.feed.getPosts: posts by their URIs."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from indexer.api.endpoint import Call, Endpoint, pipeline
from indexer.api.parameters import AtUri, Parameters
from indexer.hydration.state import Json, Key, State
from indexer.views.posts import post_view
from indexer.views.rules import viewer_blocks


class Params(Parameters, frozen=True, kw_only=True):
    uris: Annotated[list[AtUri], Meta(max_length=25)]


async def skeleton(call: Call[Params]) -> list[Key]:
    uris = list(dict.fromkeys(call.params.uris))
    found = await call.services.keys.post_keys(uris)
    return [found[uri] for uri in uris if uri in found]


async def hydrate(call: Call[Params], keys: list[Key]) -> State:
    return await call.services.hydrator.posts(call.asker, keys)


def rules(call: Call[Params], keys: list[Key], state: State) -> list[Key]:
    return [key for key in keys if not viewer_blocks(state, key[1])]


def present(call: Call[Params], keys: list[Key], state: State) -> Json:
    views = (post_view(state, key) for key in keys)
    return {"posts": [view for view in views if view is not None]}


ENDPOINT = Endpoint("app.bsky.feed.getPosts", Params, pipeline(skeleton, hydrate, present, rules))
