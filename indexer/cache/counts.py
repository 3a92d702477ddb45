"""Counts of posts and accounts in sorted sets: both ends, the writer's and the readers'.

Owns who may put a count there, and when one is believed. After each commit the writer replaces the counts that are
cached by what they are now, before it tells of the commit. A reader claims what it does not find, asks Postgres, and
fills what is still claimed: a newer value has taken the claim's place otherwise. When the writer does not know what a
commit changed, or would have too much to send, it begins a new generation, and no count of the old one is read again.

Readers say that they want counts; the writer sends them while anybody does.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import Counter
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

from redis.asyncio.client import Pipeline

from indexer.cache import keys
from indexer.cache.client import CacheClient
from indexer.cache.keys import Count
from indexer.errors import CacheError
from indexer.store.deltas import Deltas, Detail

MOST_COUNTED = 5_000
"""A commit that changed the counts of more posts and accounts (while catching up) begins a new generation."""

VOID_SECONDS = 1
"""How long after a commit that began a new generation readers are not told of it: while the stream is caught up
with, the next commit does the same, and they would fill in vain.
"""

CLAIM_MILLISECONDS = 5_000
"""A claim older than this was left by a reader that died; another may claim."""

MOST_READ = 2_000
"""Subjects that one round trip asks for; a larger page (a huge thread) is left to Postgres."""

Post = tuple[int, int]
"""Record key and author id."""

Values = tuple[int, ...]
"""The counts of one subject, in the order of its kind."""

S = TypeVar("S", bound=Hashable)


@dataclass(frozen=True)
class Kind(Generic[S]):
    """Something that is counted: what is counted of it, in which bucket, under which member."""

    counts: tuple[Count, ...]
    bucket: Callable[[S], int | str]
    member: Callable[[S], bytes]


POSTS: Final[Kind[Post]] = Kind(
    (Count.LIKES, Count.REPOSTS, Count.REPLIES, Count.QUOTES),
    lambda post: keys.post_bucket(post[0]),
    lambda post: keys.post_member(*post),
)
ACTORS: Final[Kind[int]] = Kind(
    (Count.FOLLOWERS, Count.FOLLOWS, Count.POSTS), keys.actor_bucket, keys.actor_member
)


class CountWriter:
    """The writer's end: what of a commit is sent. Its epoch is the caller's.

    `send` is called for one commit after the other, `renew` and `wanted` for one look at the readers' wishes after the
    other; that these two go on beside each other does no harm, because only `send` ever takes back what holds.
    """

    def __init__(self) -> None:
        self._is_kept = False
        self._is_wanted = False
        self._generation = 0

    def wanted(self, is_wanted: bool) -> None:
        """Whether readers want counts. From now on every commit is sent, if they do."""
        self._is_wanted = is_wanted
        if is_wanted and not self._is_kept:
            self._is_kept = True
            self._generation += 1

    def renew(self, pipeline: Pipeline, epoch: str) -> None:
        """Let readers know of the generation, if they do not yet: what was committed before, they find in Postgres.

        Never replaces a generation, nor what `send` puts there when it begins the next.
        """
        if self._is_kept and self._is_wanted:
            pipeline.set(keys.counts_kept(epoch), self._generation, nx=True, ex=keys.COUNTS_SECONDS)

    def send(self, pipeline: Pipeline, epoch: str, deltas: Deltas) -> None:
        """Queue what one commit changed, or that it is not known."""
        if not self._is_kept:
            return
        if not self._is_wanted:
            self._is_kept = False
            pipeline.delete(keys.counts_kept(epoch))
            return
        is_known = deltas.complete and deltas.detail is Detail.ALL and not deltas.purged
        if not is_known or len(deltas.post_counts) + len(deltas.actor_counts) > MOST_COUNTED:
            self._generation += 1
            pipeline.set(keys.counts_kept(epoch), "", ex=VOID_SECONDS)
            return
        changes: dict[str, dict[bytes, int]] = {}
        for key, actor, *values in deltas.post_counts:
            self._add(changes, epoch, POSTS, (key, actor), values)
        for actor, *values in deltas.actor_counts:
            self._add(changes, epoch, ACTORS, actor, values)
        for name, scores in changes.items():
            pipeline.zadd(name, scores, xx=True)

    def _add(
        self,
        changes: dict[str, dict[bytes, int]],
        epoch: str,
        kind: Kind[S],
        subject: S,
        values: Sequence[int],
    ) -> None:
        bucket, member = kind.bucket(subject), kind.member(subject)
        for count, value in zip(kind.counts, values, strict=True):
            changes.setdefault(keys.counts(epoch, self._generation, count, bucket), {})[member] = value

    def lost(self) -> None:
        """The epoch ended, and its counts with it."""
        self._is_kept = self._is_wanted = False


@dataclass(frozen=True, slots=True)
class Claim(Generic[S]):
    """The right to fill counts that were missing: where, and under which score they were claimed."""

    epoch: str
    generation: str
    score: float
    subjects: frozenset[S]


@dataclass(frozen=True, slots=True)
class Found(Generic[S]):
    """Counts that were cached, and the claim on those that were not; None where none may be filled."""

    values: dict[S, Values] = field(default_factory=dict)
    claim: Claim[S] | None = None


class CountReader:
    """A reader's end. Methods never raise CacheError. Use from one asyncio loop only."""

    def __init__(self, client: CacheClient, *, clock: Callable[[], float] = time.time) -> None:
        """`clock`: seconds since 1970."""
        self._client = client
        self._clock = clock
        self._epoch = ""
        self._generation = ""
        self._read_script = client.text("read_counts")
        self._fill_script = client.text("fill_counts")
        self._fills: set[asyncio.Task[None]] = set()
        self.lookups: Counter[str] = Counter()

    async def read(self, kind: Kind[S], subjects: Collection[S]) -> Found[S]:
        """What is cached of the subjects' counts, in one round trip, and a claim on the rest.

        The caller reads the rest from Postgres, later than this, and hands it to `fill`.
        """
        buckets: dict[int | str, list[S]] = {}
        for subject in subjects if len(subjects) <= MOST_READ else ():
            buckets.setdefault(kind.bucket(subject), []).append(subject)
        try:
            found = await self._read(kind, buckets) if buckets else Found()
        except CacheError:
            found = Found()
        self.lookups["hit"] += len(found.values)
        self.lookups["miss"] += len(subjects) - len(found.values)
        return found

    async def _read(self, kind: Kind[S], buckets: dict[int | str, list[S]]) -> Found[S]:
        texts: list[str | bytes] = []
        for subjects in buckets.values():
            members = [kind.member(subject) for subject in subjects]
            texts += (str(len(kind.counts)), str(len(members[0])), b"".join(members))
        for _ in range(3):  # the epoch may have to be learned first, and then the generation
            known = (self._epoch, self._generation)
            score, answer = await self._ask(kind, list(buckets), texts)
            self._epoch, self._generation = answer[0].decode(), answer[1].decode()
            if not self._epoch:
                break
            if (self._epoch, self._generation) == known and self._generation:
                return self._found(kind, buckets, score, answer)
            if self._epoch == known[0] and not self._generation:
                break  # the writer has not taken up our wish yet
        return Found()

    async def _ask(
        self, kind: Kind[S], buckets: list[int | str], texts: list[str | bytes]
    ) -> tuple[float, list[Any]]:
        epoch, generation = self._epoch, self._generation
        names = [keys.EPOCH, keys.counts_kept(epoch), keys.counts_wanted(epoch)]
        names += (
            keys.counts(epoch, generation, count, bucket) for bucket in buckets for count in kind.counts
        )
        # minus the time in ms, and a fraction of 2**-10 ms so that two readers' claims differ
        now = int(self._clock() * 1000)
        score = -(now + secrets.randbelow(1024) / 1024)
        arguments = (
            epoch,
            generation,
            str(keys.EPOCH_LEFT_MILLISECONDS),
            repr(score),
            str(-(now - CLAIM_MILLISECONDS)),
            str(keys.COUNTS_WANTED_SECONDS),
            str(keys.COUNTS_SECONDS),
        )
        async with self._client.pipeline() as pipeline:
            pipeline.eval(self._read_script, len(names), *names, *arguments, *texts)
            (answer,) = await pipeline.execute()
        return score, answer

    def _found(
        self, kind: Kind[S], buckets: dict[int | str, list[S]], score: float, answer: list[Any]
    ) -> Found[S]:
        values: dict[S, Values] = {}
        missing: set[S] = set()
        at, of_each = 2, len(kind.counts)
        for subjects in buckets.values():
            size = len(subjects)
            for place, subject in enumerate(subjects, at):
                counts = tuple(answer[place : at + of_each * size : size])
                if min(counts) < 0:
                    missing.add(subject)
                else:
                    values[subject] = counts
            at += of_each * size
        claim = Claim(self._epoch, self._generation, score, frozenset(missing)) if missing else None
        return Found(values, claim)

    def fill(self, kind: Kind[S], claim: Claim[S], values: Mapping[S, Values]) -> None:
        """Store those of the counts, read from Postgres after `claim` was made, that it is for. Waits for nothing."""
        of_sets: dict[str, list[bytes | int]] = {}
        for subject in claim.subjects & values.keys():
            bucket, member = kind.bucket(subject), kind.member(subject)
            for count, value in zip(kind.counts, values[subject], strict=True):
                of_sets.setdefault(keys.counts(claim.epoch, claim.generation, count, bucket), []).extend(
                    (member, value)
                )
        if of_sets:
            task = asyncio.create_task(self._fill(claim, of_sets))
            self._fills.add(task)
            task.add_done_callback(self._fills.discard)

    async def _fill(self, claim: Claim[S], of_sets: dict[str, list[bytes | int]]) -> None:
        arguments: list[bytes | int | str] = [repr(claim.score)]
        for pairs in of_sets.values():
            arguments += (len(pairs) // 2, *pairs)
        try:
            async with self._client.pipeline() as pipeline:
                pipeline.eval(self._fill_script, len(of_sets), *of_sets, *arguments)
                await pipeline.execute()
        except CacheError:
            self.lookups["not filled"] += 1

    async def filled(self) -> None:
        """Wait until what was given to `fill` is stored."""
        await asyncio.gather(*self._fills)
