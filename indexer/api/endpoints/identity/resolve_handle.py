"""com.atproto.identity.resolveHandle: the account for which a handle is verified."""

from __future__ import annotations

from indexer.api.endpoint import Call, Endpoint
from indexer.api.parameters import Handle, Parameters
from indexer.errors import InvalidRequest
from indexer.hydration.state import Json


class Params(Parameters, frozen=True, kw_only=True):
    handle: Handle


async def answer(call: Call[Params]) -> Json:
    rows = await call.services.database.rows("dids_of_handles", [call.params.handle.lower()])
    if not rows:
        raise InvalidRequest("Unable to resolve handle")
    return {"did": rows[0]["did"]}


ENDPOINT = Endpoint("com.atproto.identity.resolveHandle", Params, answer, auth=None, labelers=False)
