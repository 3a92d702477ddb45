"""com.atproto.admin.getAccountInfos: what an operator wants to know of accounts."""

from __future__ import annotations

from indexer.api.auth import Mode
from indexer.api.endpoint import Call, Endpoint
from indexer.api.parameters import Did, Parameters
from indexer.hydration.state import Json
from indexer.store.reads.spelling import iso

_NO_HANDLE = "handle.invalid"


class Params(Parameters, frozen=True, kw_only=True):
    dids: list[Did]


async def answer(call: Call[Params]) -> Json:
    known = await call.services.keys.ids_of_dids(call.params.dids)
    state = await call.services.hydrator.profiles(call.asker, list(known.values()))
    infos = []
    for did in call.params.dids:
        actor = state.actors.get(known.get(did, 0))
        if actor is None or actor.indexed_at is None:
            continue
        info: Json = {"did": did, "handle": actor.handle or _NO_HANDLE, "indexedAt": iso(actor.indexed_at)}
        if actor.profile is not None:
            info["relatedRecords"] = [actor.profile.json()]
        infos.append(info)
    return {"infos": infos}


ENDPOINT = Endpoint(
    "com.atproto.admin.getAccountInfos", Params, answer, auth=Mode.ROLE, labelers=False, admin=True
)
