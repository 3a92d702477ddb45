"""app.bsky.feed.getPostThread: a post with what it replies to and what replies to it."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from indexer.api.auth import Mode
from indexer.api.endpoint import Call, Endpoint, pipeline
from indexer.api.parameters import AtUri, Parameters
from indexer.errors import InvalidRequest
from indexer.hydration.state import Json, State
from indexer.store.reads.threads import Thread
from indexer.views.gates import threadgate_view
from indexer.views.threads import thread_view


class Params(Parameters, frozen=True, kw_only=True):
    uri: AtUri
    depth: Annotated[int, Meta(ge=0, le=1000)] = 6
    parent_height: Annotated[int, Meta(ge=0, le=1000)] = 80


async def skeleton(call: Call[Params]) -> Thread:
    uri = call.params.uri
    key = (await call.services.keys.post_keys([uri])).get(uri)
    if key is None:
        raise InvalidRequest(f"Post not found: {uri}", "NotFound")
    params = call.params
    return await call.services.kept_threads.counted(call.asker, key, params.parent_height, params.depth)


async def hydrate(call: Call[Params], thread: Thread) -> State:
    return await call.services.hydrator.thread(call.asker, [*thread.ancestors, *thread.replies])


def present(call: Call[Params], thread: Thread, state: State) -> Json:
    params = call.params
    view = thread_view(state, thread.anchor, thread.replies, params.parent_height, params.depth)
    if view is None:
        raise InvalidRequest(f"Post not found: {params.uri}", "NotFound")
    answer: Json = {"thread": view}
    gate = threadgate_view(state, state.posts[thread.anchor].root)
    if gate is not None:
        answer["threadgate"] = gate
    return answer


ENDPOINT = Endpoint(
    "app.bsky.feed.getPostThread",
    Params,
    pipeline(skeleton, hydrate, present),
    auth=Mode.OPTIONAL_STANDARD_OR_ROLE,
    repo_rev=True,
    rev_of_errors=True,
)
