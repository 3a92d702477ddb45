"""app.bsky.feed.getLikes: who likes a record."""

from __future__ import annotations

from typing import NamedTuple

from indexer.api.endpoint import Call, Endpoint, paged, pipeline
from indexer.api.parameters import AtUri, Cid, Paged
from indexer.errors import InvalidRequest
from indexer.hydration.encoding import iso
from indexer.hydration.state import Edge, Json, State
from indexer.store.reads.cursors import Cursor, of_an_older_kind
from indexer.views.profiles import profile
from indexer.views.rules import third_parties_block, viewer_blocks


class Params(Paged, frozen=True, kw_only=True):
    uri: AtUri
    cid: Cid | None = None


class Skeleton(NamedTuple):
    likes: list[Edge]
    cursor: str | None = None


async def skeleton(call: Call[Params]) -> Skeleton:
    params = call.params
    if of_an_older_kind(params.cursor):
        return Skeleton([])
    if params.cursor is not None and params.cursor.startswith("did:"):
        raise InvalidRequest("Cursor appear to be out of date, please try reloading.")
    cursor = Cursor.parse(params.cursor)
    key = (await call.services.keys.post_keys([params.uri])).get(params.uri)
    if key is None:
        return Skeleton([])
    return Skeleton(*await call.services.edges.likes_of(key, cursor, params.limit))


async def hydrate(call: Call[Params], found: Skeleton) -> State:
    hydrator = call.services.hydrator
    state = hydrator.state(call.asker)
    await hydrator.add_pairs(state, [(like.subject[1], like.actor) for like in found.likes])
    await hydrator.add_profiles(state, [like.actor for like in found.likes])
    return state


def rules(call: Call[Params], found: Skeleton, state: State) -> Skeleton:
    likes = [
        like
        for like in found.likes
        if not viewer_blocks(state, like.actor)
        and not third_parties_block(state, like.subject[1], like.actor)
    ]
    return found._replace(likes=likes)


def present(call: Call[Params], found: Skeleton, state: State) -> Json:
    likes = []
    for like in found.likes:
        actor = profile(state, like.actor)
        if actor is not None:
            likes.append({"actor": actor, "createdAt": iso(like.created_at), "indexedAt": iso(like.sort_at)})
    return with_subject(call.params.uri, call.params.cid, {"likes": likes}, found.cursor)


def with_subject(uri: str, cid: str | None, answer: Json, cursor: str | None) -> Json:
    """The answer with the record that was asked about, as the request named it, and the cursor."""
    answer["uri"] = uri
    if cid is not None:
        answer["cid"] = cid
    if cursor is not None:
        answer["cursor"] = cursor
    return answer


ENDPOINT = Endpoint(
    "app.bsky.feed.getLikes", Params, paged("likes", pipeline(skeleton, hydrate, present, rules))
)
