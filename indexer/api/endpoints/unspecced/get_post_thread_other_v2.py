"""app.bsky.unspecced.getPostThreadOtherV2: the replies to a post that its thread leaves out."""

from __future__ import annotations

from indexer.api.auth import Mode
from indexer.api.endpoint import Call, Endpoint, pipeline
from indexer.api.parameters import AtUri, Parameters
from indexer.hydration.state import Json, State
from indexer.store.reads.threads import Thread
from indexer.views.threads_v2 import other_replies


class Params(Parameters, frozen=True, kw_only=True):
    anchor: AtUri


async def skeleton(call: Call[Params]) -> Thread | None:
    key = (await call.services.keys.post_keys([call.params.anchor])).get(call.params.anchor)
    return None if key is None else await call.services.threads.around(key, 0, 1)


async def hydrate(call: Call[Params], thread: Thread | None) -> State:
    if thread is None:
        return call.services.hydrator.state(call.asker)
    return await call.services.hydrator.thread(call.asker, [*thread.ancestors, *thread.replies])


def present(call: Call[Params], thread: Thread | None, state: State) -> Json:
    return {"thread": [] if thread is None else other_replies(state, thread.anchor, thread.replies)}


ENDPOINT = Endpoint(
    "app.bsky.unspecced.getPostThreadOtherV2",
    Params,
    pipeline(skeleton, hydrate, present),
    auth=Mode.OPTIONAL_STANDARD_OR_ROLE,
)
