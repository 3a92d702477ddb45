"""app.bsky.notification.putPreferences: whether only notifications of followed accounts are wanted."""

from __future__ import annotations

import msgspec

from indexer.api.auth import Mode
from indexer.api.endpoint import Call, Endpoint
from indexer.api.parameters import Parameters


class Body(msgspec.Struct):
    priority: bool


async def answer(call: Call[Parameters]) -> None:
    await call.services.private.save_priority(await call.account(), call.body.priority)


ENDPOINT = Endpoint(
    "app.bsky.notification.putPreferences", Parameters, answer, auth=Mode.STANDARD, labelers=False, body=Body
)
