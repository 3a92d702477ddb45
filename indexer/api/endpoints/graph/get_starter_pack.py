"""app.bsky.graph.getStarterPack: a starter pack with its feeds, its list and the best-known members of that."""

from __future__ import annotations

from typing import NamedTuple

from indexer.api.endpoint import Call, Endpoint, pipeline
from indexer.api.parameters import AtUri, Parameters
from indexer.errors import InvalidRequest
from indexer.hydration.state import Json, Key, RecordKey, State
from indexer.records.collections import LIST, STARTER_PACK
from indexer.store.reads.lists import Member
from indexer.views.packs_full import pack_uris, starter_pack
from indexer.views.rules import REFERENCE_LIST, third_parties_block

_MEMBERS_LOOKED_AT = 50
_MEMBERS_SHOWN = 12


class Params(Parameters, frozen=True, kw_only=True):
    starter_pack: AtUri


class Skeleton(NamedTuple):
    key: RecordKey
    members: list[Member]
    uris: dict[str, RecordKey]
    followers: dict[int, int]
    opted_out: set[int]


async def skeleton(call: Call[Params]) -> Skeleton:
    uri = call.params.starter_pack
    services = call.services
    key = (await services.keys.keys_of_uris([uri])).get(uri)
    if key is None or key[0] != STARTER_PACK:
        raise InvalidRequest("Starter pack not found")
    pack = (await services.hydrator.records(call.asker, [key])).records.get(key)
    if pack is None:
        raise InvalidRequest("Starter pack not found")
    feeds, target = pack_uris(pack.record.value())
    uris = await services.keys.keys_of_uris([*feeds, *([target] if target else [])])
    listed = uris.get(target or "")
    if target is None or listed is None or listed[0] != LIST:
        return Skeleton(key, [], uris, {}, set())
    where = (listed[1], listed[2])
    opted_out = await services.lists.opted_out(where, target)
    record = (await services.hydrator.records(call.asker, [listed])).records.get(listed)
    reference = record is not None and record.record.value().get("purpose") == REFERENCE_LIST
    hidden = opted_out if reference and where[1] != call.asker.viewer else set()
    members, _ = await services.lists.members(where, None, _MEMBERS_LOOKED_AT, hidden)
    rows = await services.database.rows("member_counts", [member.subject for member in members])
    followers = {row["actor"]: row["followers"] for row in rows}
    return Skeleton(key, members, uris, followers, opted_out)


async def hydrate(call: Call[Params], found: Skeleton) -> State:
    subjects = [member.subject for member in found.members]
    state = await call.services.hydrator.records(call.asker, [found.key, *found.uris.values()], subjects)
    state.uris.update(found.uris)
    owner = _list_owner(found)
    if owner is not None:
        await call.services.hydrator.add_pairs(state, [(owner, subject) for subject in subjects])
    return state


def _list_owner(found: Skeleton) -> int | None:
    return next((owner for kind, _, owner in found.uris.values() if kind == LIST), None)


def rules(call: Call[Params], found: Skeleton, state: State) -> Skeleton:
    owner = _list_owner(found)
    members = [
        member
        for member in found.members
        if owner is None or owner == state.viewer or not third_parties_block(state, owner, member.subject)
    ]
    members.sort(key=lambda member: -found.followers.get(member.subject, 0))
    return found._replace(members=members[:_MEMBERS_SHOWN])


def present(call: Call[Params], found: Skeleton, state: State) -> Json:
    key: Key = (found.key[1], found.key[2])
    sample = [(member.item, member.subject) for member in found.members]
    view = starter_pack(state, key, sample, found.opted_out)
    if view is None:
        raise InvalidRequest("Starter pack not found")
    return {"starterPack": view}


ENDPOINT = Endpoint("app.bsky.graph.getStarterPack", Params, pipeline(skeleton, hydrate, present, rules))
