"""app.bsky.graph.muteActor: hide an account from the viewer, wholly or only its reposts or quotes."""

from __future__ import annotations

import msgspec

from indexer.api.auth import Mode
from indexer.api.endpoint import Call, Endpoint
from indexer.api.parameters import Parameters
from indexer.errors import InvalidRequest


class Body(msgspec.Struct, rename="camel"):
    actor: str
    only_reposts: bool = False
    only_quoteposts: bool = False


async def muted_actor(call: Call[Parameters], name: str) -> int:
    """The account that a request names, by DID or handle."""
    if name.startswith("did:"):
        return (await call.services.keys.created_ids([name]))[name]
    return await call.actor(name, "Actor not found")


async def answer(call: Call[Parameters]) -> None:
    body: Body = call.body
    subject = await muted_actor(call, body.actor)
    actor = await call.account()
    if subject == actor:
        raise InvalidRequest("Actor cannot mute themselves")
    await call.services.private.mute(
        actor, subject, only_reposts=body.only_reposts, only_quotes=body.only_quoteposts
    )


ENDPOINT = Endpoint(
    "app.bsky.graph.muteActor", Parameters, answer, auth=Mode.STANDARD, labelers=False, body=Body
)
