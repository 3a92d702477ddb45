"""app.bsky.unspecced.getPostThreadV2: a thread laid out for reading."""

from __future__ import annotations

from typing import Annotated, NamedTuple

from msgspec import Meta

from indexer.api.auth import Mode
from indexer.api.endpoint import Call, Endpoint, pipeline
from indexer.api.parameters import AtUri, Parameters
from indexer.hydration.state import Json, Key, State
from indexer.store.reads.threads import Thread
from indexer.views.gates import threadgate_view
from indexer.views.threads_v2 import Options, thread_v2

_MOST_PARENTS = 50


class Params(Parameters, frozen=True, kw_only=True):
    anchor: AtUri
    above: bool = True
    below: Annotated[int, Meta(ge=0, le=20)] = 6
    branching_factor: Annotated[int, Meta(ge=0, le=100)] = 10
    sort: str = "oldest"


class Skeleton(NamedTuple):
    thread: Thread | None
    op_thread: list[Key]


async def skeleton(call: Call[Params]) -> Skeleton:
    params = call.params
    key = (await call.services.keys.post_keys([params.anchor])).get(params.anchor)
    if key is None:
        return Skeleton(None, [])
    threads = call.services.threads
    thread = await threads.around(key, _MOST_PARENTS if params.above else 0, params.below)
    return Skeleton(thread, await threads.op_thread(thread.root))


async def hydrate(call: Call[Params], found: Skeleton) -> State:
    hydrator = call.services.hydrator
    if found.thread is None:
        return hydrator.state(call.asker)
    thread = found.thread
    return await hydrator.thread(call.asker, [*thread.ancestors, *thread.replies], anchor=thread.anchor)


def present(call: Call[Params], found: Skeleton, state: State) -> Json:
    params = call.params
    options = Options(
        above=_MOST_PARENTS if params.above else 0,
        below=params.below,
        branching=params.branching_factor,
        sort=params.sort,
        op_thread=frozenset(found.op_thread),
        op_order=tuple(found.op_thread),
    )
    anchor = found.thread.anchor if found.thread is not None else (0, 0)
    replies = found.thread.replies if found.thread is not None else []
    answer = thread_v2(state, anchor, params.anchor, replies, options)
    post = state.posts.get(anchor)
    gate = threadgate_view(state, post.root) if post is not None else None
    if gate is not None:
        answer["threadgate"] = gate
    return answer


ENDPOINT = Endpoint(
    "app.bsky.unspecced.getPostThreadV2",
    Params,
    pipeline(skeleton, hydrate, present),
    auth=Mode.OPTIONAL_STANDARD_OR_ROLE,
)
