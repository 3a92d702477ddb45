"""app.bsky.graph.unmuteActor: show an account again that the viewer had muted."""

from __future__ import annotations

import msgspec

from indexer.api.auth import Mode
from indexer.api.endpoint import Call, Endpoint
from indexer.api.endpoints.graph.mute_actor import muted_actor
from indexer.api.parameters import Parameters


class Body(msgspec.Struct, rename="camel"):
    actor: str


async def answer(call: Call[Parameters]) -> None:
    subject = await muted_actor(call, call.body.actor)
    await call.services.private.unmute(await call.account(), subject)


ENDPOINT = Endpoint(
    "app.bsky.graph.unmuteActor", Parameters, answer, auth=Mode.STANDARD, labelers=False, body=Body
)
