"""What a commit changed, told to every API worker over a Redis channel, so that they can keep rows between requests.

Owns the message and both ends of the channel. A worker that is not connected is told nothing and keeps nothing; one
that connects begins afresh.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec
import structlog

from indexer.cache import keys
from indexer.cache.client import RETRY_SECONDS, CacheClient
from indexer.errors import CacheError
from indexer.records.collections import (
    BLOCK,
    FOLLOW,
    LIST,
    LIST_BLOCK,
    LIST_ITEM,
    POST,
    POSTGATE,
    THREADGATE,
)
from indexer.store.deltas import Deltas

log = structlog.get_logger("indexer.cache")

MOST_SUBJECTS = 20_000
"""A commit that changed more (while catching up) is told as `everything`."""

_IN_LISTS = (LIST, LIST_ITEM, LIST_BLOCK)


class Changes(msgspec.Struct, array_like=True, frozen=True):
    """Subjects whose rows hold no longer: posts by (record key, account), accounts by id, pairs of accounts (smaller id
    first) whose relation changed; `lists`: relations through moderation lists.
    """

    everything: bool = False
    posts: list[tuple[int, int]] = []
    accounts: list[int] = []
    pairs: list[tuple[int, int]] = []
    lists: bool = False


EVERYTHING = Changes(everything=True)

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Changes).decode


def changes_of(deltas: Deltas) -> Changes:
    """What one commit changed."""
    if not deltas.complete or deltas.purged:
        return EVERYTHING
    posts = {(count.key, count.actor) for count in deltas.post_counts}
    accounts = {*deltas.profiles, *deltas.accounts}
    pairs: set[tuple[int, int]] = set()
    for change in deltas.changes:
        if change.kind == POST:
            posts.add((change.key, change.actor))
        elif change.kind in (FOLLOW, BLOCK) and change.subject_actor is not None:
            low, high = sorted((change.actor, change.subject_actor))
            pairs.add((low, high))
    lists = False
    for kind, key, actor in deltas.records:
        accounts.add(actor)
        lists = lists or kind in _IN_LISTS
        if kind in (THREADGATE, POSTGATE):
            posts.add((key, actor))
    if len(posts) + len(accounts) + len(pairs) > MOST_SUBJECTS:
        return EVERYTHING
    return Changes(False, list(posts), list(accounts), list(pairs), lists)


async def tell(client: CacheClient, changes: Changes) -> int:
    """Publish a message; how many workers heard it. Raises CacheError."""
    async with client.commands() as redis:
        return int(await redis.publish(keys.CHANGES, _encode(changes)))


async def listen(
    client: CacheClient,
    begin: Callable[[], None],
    changed: Callable[[Changes], None],
    end: Callable[[], None],
) -> None:
    """Pass on messages until cancelled; `begin` and `end` are called when they begin and cease to come.

    They come only while a writer renews its epoch: without one nobody would tell.
    """
    while True:
        try:
            async with client.commands() as redis, redis.pubsub(ignore_subscribe_messages=True) as channel:
                await channel.subscribe(keys.CHANGES)
                epoch = await redis.get(keys.EPOCH)
                if epoch is not None:
                    begin()
                while epoch is not None:
                    message = await channel.get_message(timeout=keys.EPOCH_SECONDS / 3)
                    if message is not None:
                        changed(_decode(message["data"]))
                    elif await redis.get(keys.EPOCH) != epoch:
                        break
        except CacheError as error:
            log.warning("changes are not told now", error=str(error))
        finally:
            end()
        await asyncio.sleep(RETRY_SECONDS)
