"""app.bsky.graph.getList: a list and its members."""

from __future__ import annotations

from typing import NamedTuple

from indexer.api.endpoint import Call, Endpoint, paged, pipeline
from indexer.api.parameters import AtUri, Paged
from indexer.errors import InvalidRequest
from indexer.hydration.state import Json, Key, State
from indexer.records.collections import LIST
from indexer.store.reads.cursors import Cursor, of_an_older_kind
from indexer.store.reads.lists import Member
from indexer.views.lists import list_item, list_view
from indexer.views.rules import MODERATION_LIST, REFERENCE_LIST, third_parties_block


class Params(Paged, frozen=True, kw_only=True):
    list: AtUri


class Skeleton(NamedTuple):
    target: Key
    members: list[Member]
    opted_out: set[int]
    cursor: str | None = None


async def skeleton(call: Call[Params]) -> Skeleton:
    params = call.params
    target = await find_list(call, params.list)
    if of_an_older_kind(params.cursor):
        return Skeleton(target, [], set())
    opted_out = await call.services.lists.opted_out(target, params.list)
    # Who does not want to be shown on a reference list is shown to its owner only.
    without = opted_out if target[1] != call.asker.viewer and await is_reference_list(call, target) else set()
    members, after = await call.services.lists.members(
        target, Cursor.parse(params.cursor), params.limit, without
    )
    return Skeleton(target, members, opted_out, after)


async def find_list(call: Call[Params], uri: str) -> Key:
    """The key of a list by its URI. InvalidRequest where it is not known."""
    key = (await call.services.keys.keys_of_uris([uri])).get(uri)
    if key is None or key[0] != LIST:
        raise InvalidRequest("List not found")
    return (key[1], key[2])


async def is_reference_list(call: Call[Params], target: Key) -> bool:
    state = await call.services.hydrator.records(call.asker, [(LIST, *target)])
    record = state.records.get((LIST, *target))
    return record is not None and record.record.value().get("purpose") == REFERENCE_LIST


async def hydrate(call: Call[Params], found: Skeleton) -> State:
    hydrator = call.services.hydrator
    subjects = [member.subject for member in found.members]
    state = await hydrator.records(call.asker, [(LIST, *found.target)], subjects)
    record = state.records.get((LIST, *found.target))
    moderating = record is not None and record.record.value().get("purpose") == MODERATION_LIST
    if found.target[1] != call.asker.viewer and not moderating:
        await hydrator.add_pairs(state, [(found.target[1], subject) for subject in subjects])
    return state


def rules(call: Call[Params], found: Skeleton, state: State) -> Skeleton:
    owner = found.target[1]
    members = [member for member in found.members if not third_parties_block(state, owner, member.subject)]
    return found._replace(members=members)


def present(call: Call[Params], found: Skeleton, state: State) -> Json:
    view = list_view(state, found.target)
    if view is None:
        raise InvalidRequest("List not found")
    own = found.target[1] == call.asker.viewer and view["purpose"] == REFERENCE_LIST
    items = [
        list_item(
            state,
            state.uri(*member.item),
            member.subject,
            opted_out=own and member.subject in found.opted_out,
        )
        for member in found.members
    ]
    answer: Json = {"list": view, "items": [item for item in items if item is not None]}
    if found.cursor is not None:
        answer["cursor"] = found.cursor
    return answer


ENDPOINT = Endpoint(
    "app.bsky.graph.getList", Params, paged("items", pipeline(skeleton, hydrate, present, rules))
)
