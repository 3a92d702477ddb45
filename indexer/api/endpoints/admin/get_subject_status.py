"""com.atproto.admin.getSubjectStatus: whether our operator took an account or a record down."""

from __future__ import annotations

from indexer.api.auth import Mode
from indexer.api.endpoint import Call, Endpoint
from indexer.api.endpoints.repo.get_record import find_record
from indexer.api.parameters import AtUri, Cid, Did, Parameters
from indexer.errors import InvalidRequest
from indexer.hydration.state import Json


class Params(Parameters, frozen=True, kw_only=True):
    did: Did | None = None
    uri: AtUri | None = None
    blob: Cid | None = None


def status(reference: str | None) -> Json:
    """com.atproto.admin.defs#statusAttr of a takedown."""
    return {"applied": reference is not None, **({"ref": reference} if reference else {})}


async def answer(call: Call[Params]) -> Json:
    params, database = call.params, call.services.database
    if params.blob is not None:
        raise InvalidRequest("Expected did or uri: this server keeps no blobs that could be taken down")
    if params.uri is not None:
        found = await find_record(call, params.uri)
        if found is not None:
            row = await database.row("takedown_of_record", params.uri)
            subject = {"$type": "com.atproto.repo.strongRef", "uri": params.uri, "cid": found[0]}
            return {"subject": subject, "takedown": status(None if row is None else row["ref"])}
    elif params.did is not None:
        actor = (await call.services.keys.ids_of_actors([params.did])).get(params.did)
        if actor is not None:
            row = await database.row("takedown_of_account", actor)
            subject = {"$type": "com.atproto.admin.defs#repoRef", "did": params.did}
            return {"subject": subject, "takedown": status(None if row is None else row["ref"])}
    else:
        raise InvalidRequest("No provided subject")
    raise InvalidRequest("Subject not found", "NotFound")


ENDPOINT = Endpoint(
    "com.atproto.admin.getSubjectStatus",
    Params,
    answer,
    auth=Mode.ROLE_OR_MODERATION,
    labelers=False,
    admin=True,
)
