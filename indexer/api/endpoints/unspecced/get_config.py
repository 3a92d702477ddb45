"""app.bsky.unspecced.getConfig: switches for client apps."""

from __future__ import annotations

from indexer.api.endpoint import Call, Endpoint
from indexer.api.parameters import Parameters
from indexer.hydration.state import Json


async def answer(call: Call[Parameters]) -> Json:
    return {"checkEmailConfirmed": False, "liveNow": []}


ENDPOINT = Endpoint("app.bsky.unspecced.getConfig", Parameters, answer, auth=None, labelers=False)
