"""app.bsky.graph.unmuteActorList: show those on a list again."""

from __future__ import annotations

import msgspec

from indexer.api.auth import Mode
from indexer.api.endpoint import Call, Endpoint
from indexer.api.parameters import Parameters
from indexer.errors import InvalidRequest
from indexer.records.collections import LIST


class Body(msgspec.Struct):
    list: str


async def answer(call: Call[Parameters]) -> None:
    key = await call.services.keys.created_key(call.body.list, LIST)
    if key is None:
        raise InvalidRequest(f"Expected the AT-URI of a list, got {call.body.list[:200]!r}")
    await call.services.private.unmute_list(await call.account(), (key[1], key[2]))


ENDPOINT = Endpoint(
    "app.bsky.graph.unmuteActorList", Parameters, answer, auth=Mode.STANDARD, labelers=False, body=Body
)
