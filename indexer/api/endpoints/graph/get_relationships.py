"""app.bsky.graph.getRelationships: how one account stands to others, whoever asks."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from indexer.api.endpoint import Call, Endpoint
from indexer.api.parameters import AtIdentifier, Parameters
from indexer.hydration.state import Asker, Json, State, list_keys
from indexer.records.collections import BLOCK, FOLLOW, LIST


class Params(Parameters, frozen=True, kw_only=True):
    actor: AtIdentifier
    others: Annotated[list[AtIdentifier], Meta(max_length=30)] = msgspec.field(default_factory=list)


async def answer(call: Call[Params]) -> Json:
    params = call.params
    names = [params.actor, *params.others]
    found = await call.services.keys.ids_of_actors(names)
    actor = found.get(params.actor)
    if actor is None:
        relationships = [_not_found(other) for other in params.others]
        if params.actor.startswith("did:"):
            relationships = [
                {"$type": "app.bsky.graph.defs#relationship", "did": other}
                if other.startswith("did:")
                else view
                for other, view in zip(params.others, relationships, strict=True)
            ]
            return {"actor": params.actor, "relationships": relationships}
        return {"relationships": relationships}
    # The relations are the actor's own, so they are read as if the actor asked.
    others = [found[other] for other in params.others if other in found]
    state = await call.services.hydrator.profiles(Asker(viewer=actor), [actor, *others])
    return {
        "actor": state.did(actor),
        "relationships": [_relationship(state, actor, other, found.get(other)) for other in params.others],
    }


def _not_found(name: str) -> Json:
    return {"$type": "app.bsky.graph.defs#notFoundActor", "actor": name, "notFound": True}


def _relationship(state: State, actor: int, name: str, other: int | None) -> Json:
    if not name.startswith("did:"):
        return _not_found(name)
    view: Json = {"$type": "app.bsky.graph.defs#relationship", "did": name}
    found = state.actors.get(other) if other is not None else None
    if other is None or found is None or other == actor:
        return view
    relation = state.relation(other)
    own, theirs = state.did(actor), found.did
    for field, owner, collection, key in (
        ("following", own, FOLLOW, relation.following),
        ("followedBy", theirs, FOLLOW, relation.followed_by),
        ("blocking", own, BLOCK, relation.blocking),
        ("blockedBy", theirs, BLOCK, relation.blocked_by),
    ):
        if key is not None:
            view[field] = f"at://{owner}/{state.spelling.path(collection, key)}"
    for field, flat in (
        ("blockingByList", relation.blocking_by_lists),
        ("blockedByList", relation.blocked_by_lists),
    ):
        for key, owner_id in list_keys(flat):
            view[field] = state.uri(LIST, key, owner_id)
            break
    return view


ENDPOINT = Endpoint("app.bsky.graph.getRelationships", Params, answer, auth=None, labelers=False)
