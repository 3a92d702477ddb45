"""app.bsky.graph.unmuteThread: notifications about a thread again."""

from __future__ import annotations

import msgspec

from indexer.api.auth import Mode
from indexer.api.endpoint import Call, Endpoint
from indexer.api.parameters import Parameters
from indexer.errors import InvalidRequest
from indexer.records.collections import POST


class Body(msgspec.Struct):
    root: str


async def answer(call: Call[Parameters]) -> None:
    key = await call.services.keys.created_key(call.body.root, POST)
    if key is None:
        raise InvalidRequest(f"Expected the AT-URI of a post, got {call.body.root[:200]!r}")
    await call.services.private.unmute_thread(await call.account(), (key[1], key[2]))


ENDPOINT = Endpoint(
    "app.bsky.graph.unmuteThread", Parameters, answer, auth=Mode.STANDARD, labelers=False, body=Body
)
