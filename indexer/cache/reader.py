"""The API's side of the cache: pages of home timelines, and counts.

Every answer may be None or incomplete: then Postgres is asked, and for counts the reader claims what is missing before
it asks, so that its value cannot replace a newer one (the writer's absolute values take the claim's place).
"""

from __future__ import annotations

import contextlib
import itertools
import secrets
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from indexer.cache import keys
from indexer.cache.client import CacheClient
from indexer.errors import CacheError
from indexer.store.home import HomeItem

COUNT_SECONDS = 6 * 3600
CLAIM_MILLISECONDS = 5_000
"""A claim older than this was left by a reader that died; another may claim."""

PostKey = tuple[int, int]
"""Record key and author id."""

PostCounts = tuple[int, int, int, int]
ActorCounts = tuple[int, int, int]

Subject = TypeVar("Subject", PostKey, int)

Place = tuple[str, bytes]
"""The name of a sorted set within an epoch, and a member."""


@dataclass(frozen=True, slots=True)
class CachedPage:
    """Items newest first. `floor` is None where the cache holds more of them; else what is older than `floor` (ms)
    stands in Postgres only, and 0 means that there is nothing older.
    """

    items: list[HomeItem]
    floor: int | None


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to fill counts that were missing: the epoch and score under which they were claimed."""

    epoch: str
    score: float


class CacheReader:
    """Reads one cluster's cache. Methods never raise CacheError."""

    def __init__(self, client: CacheClient, *, clock: Callable[[], float] = time.time) -> None:
        """`clock`: seconds since 1970."""
        self._client = client
        self._clock = clock
        self._epoch: str | None = None
        self._claim_script = client.script("claim_counts")
        self._fill_script = client.script("fill_count")

    async def timeline(self, viewer: int, before: int | None, count: int) -> CachedPage | None:
        """About `count` newest items of a home timeline, from sort_at `before` (inclusive) down; None: not cached.

        Of the oldest instant on the page some may be missing, unless it ends at the floor. Reading keeps it cached.
        """
        try:
            for _ in range(2):
                epoch = self._epoch
                answer = await self._timeline_of(epoch, viewer, before, count)
                if answer is not None or self._epoch == epoch:
                    return answer
        except CacheError:
            pass
        return None

    async def _timeline_of(
        self, epoch: str | None, viewer: int, before: int | None, count: int
    ) -> CachedPage | None:
        async with self._client.pipeline() as pipeline:
            pipeline.get(keys.EPOCH)
            if epoch is not None:
                name = keys.timeline(epoch, viewer)
                pipeline.zscore(name, keys.FLOOR_MEMBER)
                upper = "+inf" if before is None else before
                pipeline.zrevrangebyscore(name, upper, "-inf", start=0, num=count + 1, withscores=True)
                pipeline.expire(name, keys.TIMELINE_SECONDS)
                pipeline.sadd(keys.timeline_reads(epoch), viewer)
            current, *answers = await pipeline.execute()
        self._epoch = current.decode() if current is not None else None
        if not answers or self._epoch != epoch or answers[0] is None:
            return None
        floor = int(answers[0])
        items = [
            HomeItem(*keys.read_item_member(member), int(score))
            for member, score in answers[1]
            if member != keys.FLOOR_MEMBER and score >= floor
        ]
        is_end = len(items) < len(answers[1]) or len(answers[1]) <= count
        return CachedPage(items, floor if is_end else None)

    async def post_counts(self, posts: Sequence[PostKey]) -> tuple[dict[PostKey, PostCounts], Claim | None]:
        """The cached counts of posts (likes, reposts, replies, quotes), and a claim on those that are missing.

        The caller reads the missing ones from Postgres and hands them to `fill_post_counts` with the claim.
        """
        places = {
            post: [(keys.post_count(count, post[0]), keys.post_member(*post)) for count in keys.POST_COUNTS]
            for post in posts
        }
        values, claim = await self._counts(places)
        return {post: (v[0], v[1], v[2], v[3]) for post, v in values.items()}, claim

    async def actor_counts(self, actors: Sequence[int]) -> tuple[dict[int, ActorCounts], Claim | None]:
        """The cached counts of accounts (followers, follows, posts), and a claim on those that are missing."""
        places = {
            actor: [(keys.actor_count(count, actor), keys.actor_member(actor)) for count in keys.ACTOR_COUNTS]
            for actor in actors
        }
        values, claim = await self._counts(places)
        return {actor: (v[0], v[1], v[2]) for actor, v in values.items()}, claim

    async def fill_post_counts(self, claim: Claim | None, values: dict[PostKey, PostCounts]) -> None:
        """Store counts read from Postgres after `claim` was made."""
        await self._fill(
            claim,
            (
                (keys.post_count(count, post[0]), keys.post_member(*post), value)
                for post, post_values in values.items()
                for count, value in zip(keys.POST_COUNTS, post_values, strict=True)
            ),
        )

    async def fill_actor_counts(self, claim: Claim | None, values: dict[int, ActorCounts]) -> None:
        """Store counts read from Postgres after `claim` was made."""
        await self._fill(
            claim,
            (
                (keys.actor_count(count, actor), keys.actor_member(actor), value)
                for actor, actor_values in values.items()
                for count, value in zip(keys.ACTOR_COUNTS, actor_values, strict=True)
            ),
        )

    async def _counts(
        self, places: dict[Subject, list[Place]]
    ) -> tuple[dict[Subject, list[int]], Claim | None]:
        if not places:
            return {}, None
        members: defaultdict[str, list[bytes]] = defaultdict(list)
        for set_name, member in itertools.chain.from_iterable(places.values()):
            members[set_name].append(member)
        try:
            epoch, scores = await self._scores(members)
            if epoch is None:
                return {}, None
            values: dict[Subject, list[int]] = {}
            missing: defaultdict[str, list[bytes]] = defaultdict(list)
            for subject, subject_places in places.items():
                found = [scores.get(place) for place in subject_places]
                present = [int(score) for score in found if score is not None and score >= 0]
                if len(present) == len(found):
                    values[subject] = present
                else:
                    for set_name, member in subject_places:
                        missing[set_name].append(member)
            return values, await self._claim(epoch, missing) if missing else None
        except CacheError:
            return {}, None

    async def _scores(self, members: dict[str, list[bytes]]) -> tuple[str | None, dict[Place, float | None]]:
        """The scores under the current epoch, which is asked in the same round trip."""
        for _ in range(2):
            epoch = self._epoch
            async with self._client.pipeline() as pipeline:
                pipeline.get(keys.EPOCH)
                if epoch is not None:
                    pipeline.exists(keys.counts_kept(epoch))
                    pipeline.set(keys.counts_wanted(epoch), 1, ex=keys.COUNTS_WANTED_SECONDS)
                    for set_name, set_members in members.items():
                        pipeline.execute_command("ZMSCORE", keys.of_epoch(epoch, set_name), *set_members)
                current, *answers = await pipeline.execute()
            self._epoch = current.decode() if current is not None else None
            if self._epoch is None:
                return None, {}
            if self._epoch == epoch:
                are_kept, _, *scores = answers
                if not are_kept:
                    return None, {}  # the writer has not taken up our wish yet
                return epoch, {
                    (set_name, member): score
                    for (set_name, set_members), set_scores in zip(members.items(), scores, strict=True)
                    for member, score in zip(set_members, set_scores, strict=True)
                }
        return None, {}

    async def _claim(self, epoch: str, missing: dict[str, list[bytes]]) -> Claim:
        # minus the time in ms, and a fraction of 2**-10 ms so that two readers' claims differ
        now = int(self._clock() * 1000)
        score = -(now + secrets.randbelow(1024) / 1024)
        async with self._client.pipeline() as pipeline:
            for set_name, set_members in missing.items():
                await self._claim_script(
                    keys=[keys.of_epoch(epoch, set_name)],
                    args=[repr(score), -(now - CLAIM_MILLISECONDS), *set_members],
                    client=pipeline,
                )
            await pipeline.execute()
        return Claim(epoch, score)

    async def _fill(self, claim: Claim | None, values: Iterable[tuple[str, bytes, int]]) -> None:
        if claim is None:
            return
        arguments: defaultdict[str, list[bytes | int]] = defaultdict(list)
        for set_name, member, value in values:
            arguments[set_name] += (member, value)
        if not arguments:
            return
        with contextlib.suppress(CacheError):
            async with self._client.pipeline() as pipeline:
                for set_name, set_arguments in arguments.items():
                    await self._fill_script(
                        keys=[keys.of_epoch(claim.epoch, set_name)],
                        args=[repr(claim.score), COUNT_SECONDS, *set_arguments],
                        client=pipeline,
                    )
                await pipeline.execute()
