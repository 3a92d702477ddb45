"""What a commit changed, told to every API worker over a Redis channel, so that they can keep rows between requests.

Owns the message and both ends of the channel. A worker that is not connected is told nothing and keeps nothing; one
that connects begins afresh.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import msgspec
import structlog
from redis.asyncio.client import Pipeline, Redis

from indexer.cache import keys
from indexer.cache.client import RETRY_SECONDS, CacheClient, is_ending
from indexer.errors import CacheError
from indexer.records.collections import (
    BLOCK,
    FOLLOW,
    LIST,
    LIST_ITEM,
    POST,
    POSTGATE,
    REPOST,
    THREADGATE,
)
from indexer.store.deltas import Deltas, PostCount

log = structlog.get_logger("indexer.cache")

MOST_SUBJECTS = 20_000
"""A commit that changed more (while catching up) is told as `everything`."""

_IN_LISTS = (LIST, LIST_ITEM)


class Changes(msgspec.Struct, array_like=True, frozen=True):
    """What holds no longer, and counts as they are now.

    posts: by (record key, account). accounts: by id, with their records. pairs: accounts (smaller id first) who follow
    or block each other now or no longer. list_owners: accounts whose moderation lists changed. reposts: by (record key,
    account). notified: accounts that something was done to. counts: (record key, account, likes, reposts, replies,
    quotes). actor_counts: accounts whose counts changed.
    """

    everything: bool = False
    posts: list[tuple[int, int]] = []
    accounts: list[int] = []
    pairs: list[tuple[int, int]] = []
    list_owners: list[int] = []
    reposts: list[tuple[int, int]] = []
    notified: list[int] = []
    counts: list[PostCount] = []
    actor_counts: list[int] = []


EVERYTHING = Changes(everything=True)


class _Message(msgspec.Struct, array_like=True, frozen=True):
    epoch: str | None
    number: int
    changes: Changes


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Message).decode


def changes_of(deltas: Deltas) -> Changes:
    """What one commit changed."""
    if not deltas.complete or deltas.purged:
        return EVERYTHING
    posts: set[tuple[int, int]] = set()
    reposts: set[tuple[int, int]] = set()
    pairs: set[tuple[int, int]] = set()
    accounts = {*deltas.profiles, *deltas.accounts}
    notified = set(deltas.notified)
    for change in deltas.changes:
        if change.kind == POST:
            posts.add((change.key, change.actor))
        elif change.kind == REPOST:
            reposts.add((change.key, change.actor))
        elif change.kind in (FOLLOW, BLOCK) and change.subject_actor is not None:
            low, high = sorted((change.actor, change.subject_actor))
            pairs.add((low, high))
            notified.add(change.subject_actor)
    list_owners: set[int] = set()
    for kind, key, actor in deltas.records:
        accounts.add(actor)
        if kind in _IN_LISTS:
            list_owners.add(actor)
        if kind in (THREADGATE, POSTGATE):
            posts.add((key, actor))
    rows = len(posts) + len(accounts) + len(pairs) + len(reposts) + len(notified)
    if rows + len(deltas.post_counts) + len(deltas.actor_counts) > MOST_SUBJECTS:
        return EVERYTHING
    return Changes(
        posts=list(posts),
        accounts=list(accounts),
        pairs=list(pairs),
        list_owners=list(list_owners),
        reposts=list(reposts),
        notified=list(notified),
        counts=list(deltas.post_counts),
        actor_counts=[count.actor for count in deltas.actor_counts],
    )


async def tell(client: CacheClient, changes: Changes, epoch: str | None = None, number: int = 0) -> int:
    """Publish a message; how many workers heard it. Raises CacheError.

    `epoch` is the writer's: a new one says that what went before may not have been told. Workers tell without.
    `number` rises with each commit; the cached timelines have what it brought when `keys.sent` has reached it.
    """
    async with client.pipeline() as pipeline:
        publish(pipeline, changes, epoch, number)
        (heard,) = await pipeline.execute()
    return int(heard)


async def void_everything(client: CacheClient) -> None:
    """Make void all that is cached or kept, after rows were changed past the writer: a repair. Raises CacheError.

    The writer misses its epoch within a tenth of a second, begins another and tells of it.
    """
    async with client.commands() as redis:
        await redis.delete(keys.EPOCH)


def publish(pipeline: Pipeline, changes: Changes, epoch: str | None, number: int) -> None:
    """Queue a message behind what the pipeline sends before it: see `tell`."""
    pipeline.publish(keys.CHANGES, _encode(_Message(epoch, number, changes)))


async def listen(
    client: CacheClient,
    begin: Callable[[], None],
    changed: Callable[[Changes, int], None],
    end: Callable[[], None],
) -> None:
    """Pass on messages until cancelled; `begin` and `end` are called when they begin and cease to come.

    `begin` is called also when some may have been lost.

    They come only while a writer renews its epoch: without one nobody would tell. What a writer could not tell because
    Redis failed is noticed within a second and the client's time limit.
    """
    while not is_ending():
        try:
            async with client.commands() as redis, redis.pubsub(ignore_subscribe_messages=True) as channel:
                await channel.subscribe(keys.CHANGES)
                epoch = await _living_epoch(redis)
                checked = time.monotonic()
                if epoch is not None:
                    begin()
                while epoch is not None and not is_ending():
                    wait = checked + keys.EPOCH_SECONDS / 3 - time.monotonic()
                    message = await channel.get_message(timeout=max(wait, 0.01))
                    if message is not None:
                        told = _decode(message["data"])
                        if told.epoch not in (None, epoch):
                            epoch = told.epoch
                            begin()
                        changed(told.changes, told.number)
                    if time.monotonic() >= checked + keys.EPOCH_SECONDS / 3:
                        checked = time.monotonic()
                        if await _living_epoch(redis) != epoch:
                            break
        except CacheError as error:
            log.warning("changes are not told now", error=str(error))
        finally:
            end()
        await asyncio.sleep(RETRY_SECONDS)


async def _living_epoch(redis: Redis) -> str | None:
    """The epoch of a writer that renews it; one that lost Redis may have something left to tell."""
    epoch = await redis.get(keys.EPOCH)
    if epoch is None or await redis.pttl(keys.EPOCH) < keys.EPOCH_LEFT_MILLISECONDS:
        return None
    return epoch.decode() if isinstance(epoch, bytes) else epoch
