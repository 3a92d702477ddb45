"""app.bsky.graph.getListsWithMembership: the viewer's lists, and on which of them an account is."""

from __future__ import annotations

from typing import NamedTuple

from indexer.api.auth import Mode
from indexer.api.endpoint import Call, Endpoint, paged, pipeline
from indexer.api.endpoints.graph.get_lists import with_purpose
from indexer.api.listing import OfAccount, page
from indexer.hydration.state import Json, Key, RecordKey, State
from indexer.records.collections import LIST
from indexer.store.reads.cursors import Cursor, of_an_older_kind
from indexer.views.lists import list_item, list_view


class Params(OfAccount, frozen=True, kw_only=True):
    purposes: list[str] | None = None


class Skeleton(NamedTuple):
    actor: int
    keys: list[RecordKey]
    items: dict[Key, RecordKey]
    cursor: str | None = None


async def skeleton(call: Call[Params]) -> Skeleton:
    params = call.params
    actor = await call.actor(params.actor)
    if of_an_older_kind(params.cursor):
        return Skeleton(actor, [], {})
    lists = call.services.lists
    made, after = await lists.made_by(call.viewer, LIST, Cursor.parse(params.cursor), params.limit)
    keys = [listed.key for listed in made]
    items = await lists.memberships(actor, [(key, owner) for _, key, owner in keys])
    return Skeleton(actor, keys, items, after)


async def hydrate(call: Call[Params], found: Skeleton) -> State:
    return await call.services.hydrator.records(call.asker, found.keys, [found.actor])


def rules(call: Call[Params], found: Skeleton, state: State) -> Skeleton:
    return found._replace(keys=with_purpose(call, found.keys, state))


def present(call: Call[Params], found: Skeleton, state: State) -> Json:
    entries = []
    for _, key, owner in found.keys:
        view = list_view(state, (key, owner))
        if view is None:
            continue
        entry: Json = {"list": view}
        item = found.items.get((key, owner))
        shown = list_item(state, state.uri(*item), found.actor) if item is not None else None
        if shown is not None:
            entry["listItem"] = shown
        entries.append(entry)
    return page("listsWithMembership", entries, found.cursor)


ENDPOINT = Endpoint(
    "app.bsky.graph.getListsWithMembership",
    Params,
    paged("listsWithMembership", pipeline(skeleton, hydrate, present, rules)),
    auth=Mode.STANDARD,
)
