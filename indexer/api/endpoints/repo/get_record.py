"""com.atproto.repo.getRecord: a record as it was indexed."""

from __future__ import annotations

from indexer.api.auth import Mode
from indexer.api.endpoint import Call, Endpoint, P
from indexer.api.parameters import AtIdentifier, Cid, Nsid, Parameters, RecordKey
from indexer.errors import InvalidRequest
from indexer.hydration.state import Json, State, Stored
from indexer.records.collections import BLOCK, FOLLOW, LIKE, POST, PROFILE, REPOST
from indexer.store.reads.keys import RecordKey as StoredKey
from indexer.views.rules import known_actor, label_redacts


class Params(Parameters, frozen=True, kw_only=True):
    repo: AtIdentifier
    collection: Nsid
    rkey: RecordKey
    cid: Cid | None = None


async def answer(call: Call[Params]) -> Json:
    params = call.params
    missing = f"Could not find repo: {params.repo}"
    actor = await call.actor(params.repo, missing)
    state = await call.services.hydrator.profiles(call.asker, [actor])
    owner = known_actor(state, actor)
    if owner is None:
        raise InvalidRequest(missing)
    uri = f"at://{owner.did}/{params.collection}/{params.rkey}"
    found = await find_record(call, uri)
    if found is None or (params.cid is not None and params.cid != found[0]):
        raise InvalidRequest(f"Could not locate record: {uri}", "RecordNotFound")
    return {"uri": uri, "cid": found[0], "value": found[1].json()}


async def find_record(call: Call[P], uri: str) -> tuple[str, Stored] | None:
    """CID and record of the URI (under a DID); None where there is none, or the operator took it down."""
    labels = await call.services.hydrator.labels(call.asker, [uri])
    if not call.asker.include_takedowns and label_redacts(labels, uri):
        return None
    key = (await call.services.keys.keys_of_uris([uri])).get(uri)
    if key is None:
        return None
    state = await call.services.hydrator.profiles(call.asker, [key[2]])
    return await _record(call, state, key)


async def _record(call: Call[P], state: State, key: StoredKey) -> tuple[str, Stored] | None:
    kind, number, actor = key
    if kind == POST:
        post = (await call.services.hydrator.posts(call.asker, [(number, actor)])).posts.get((number, actor))
        return None if post is None else (post.cid, post.record)
    if kind in (LIKE, REPOST, FOLLOW, BLOCK):
        edges = await call.services.edges.by_key(kind, [(number, actor)])
        return (edges[0].cid, Stored(edges[0].record)) if edges else None
    if kind == PROFILE:
        owner = state.actors[actor]
        return None if owner.profile is None else (owner.cid_of_profile(), owner.profile)
    await call.services.hydrator.add_records(state, [key])
    record = state.records.get(key)
    return None if record is None else (record.cid, record.record)


ENDPOINT = Endpoint(
    "com.atproto.repo.getRecord", Params, answer, auth=Mode.OPTIONAL_STANDARD_OR_ROLE, labelers=False
)
