"""app.bsky.feed.getListFeed: what the members of a list posted."""

from __future__ import annotations

from typing import NamedTuple

from indexer.api.endpoint import Call, Endpoint, paged, pipeline
from indexer.api.parameters import AtUri, Paged
from indexer.hydration.state import FeedItem, Json, Key, State
from indexer.records.collections import LIST
from indexer.store.reads.cursors import Cursor, of_an_older_kind
from indexer.views.feeds import feed_answer, without_blocked_and_muted
from indexer.views.rules import REFERENCE_LIST, third_parties_block


class Params(Paged, frozen=True, kw_only=True):
    list: AtUri


class Skeleton(NamedTuple):
    target: Key
    items: list[FeedItem]
    cursor: str | None = None


async def skeleton(call: Call[Params]) -> Skeleton:
    params = call.params
    cursor = None if of_an_older_kind(params.cursor) else Cursor.parse(params.cursor)
    key = (await call.services.keys.keys_of_uris([params.list])).get(params.list)
    if key is None or key[0] != LIST or of_an_older_kind(params.cursor):
        return Skeleton((0, 0), [])
    target = (key[1], key[2])
    lists = await call.services.hydrator.records(call.asker, [key])
    record = lists.records.get(key)
    without: set[int] = set()
    if record is not None and record.record.value().get("purpose") == REFERENCE_LIST:
        without = await call.services.lists.opted_out(target, params.list)
    return Skeleton(target, *await call.services.lists.feed(target, cursor, params.limit, without))


async def hydrate(call: Call[Params], found: Skeleton) -> State:
    hydrator = call.services.hydrator
    state = await hydrator.feed(call.asker, found.items)
    await hydrator.add_pairs(state, [(found.target[1], item.post[1]) for item in found.items])
    return state


def rules(call: Call[Params], found: Skeleton, state: State) -> Skeleton:
    items = [
        item
        for item in without_blocked_and_muted(state, found.items)
        if not third_parties_block(state, found.target[1], item.post[1])
    ]
    return found._replace(items=items)


def present(call: Call[Params], found: Skeleton, state: State) -> Json:
    return feed_answer(state, found.items, found.cursor)


ENDPOINT = Endpoint(
    "app.bsky.feed.getListFeed",
    Params,
    paged("feed", pipeline(skeleton, hydrate, present, rules)),
    repo_rev=True,
)
