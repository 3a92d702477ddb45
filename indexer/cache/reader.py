"""The API's side of the cache: pages of home timelines. Every answer may be None: then Postgres is asked."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from indexer.cache import keys
from indexer.cache.client import CacheClient
from indexer.errors import CacheError
from indexer.store.reads.together import Together

SENDING_SECONDS = 0.5
"""How long a commit may take from being told to being in every cached timeline."""


@dataclass(frozen=True, slots=True)
class CachedPage:
    """Members of items (see keys.py), newest first; `oldest` is the sort_at (ms) of the last. `floor` is None where the
    cache holds more of them; else what is older than `floor` (ms) stands in Postgres only, and 0 means that there is
    nothing older.
    """

    members: list[bytes]
    oldest: int
    floor: int | None


class _Question(NamedTuple):
    viewer: int
    before: int | None
    most: int


class CacheReader:
    """Reads one cluster's cache. Methods never raise CacheError."""

    def __init__(self, client: CacheClient, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._clock = clock
        self._heard: deque[tuple[float, int]] = deque()
        self._overdue = 0
        self._epoch: str | None = None
        self._script = client.text("read_timeline")
        self._pages: Together[_Question, CachedPage | None] = Together(self._read)

    def heard(self, number: int) -> None:
        """A commit was told of: after SENDING_SECONDS, timelines that still lack it are not believed any more."""
        self._heard.append((self._clock() + SENDING_SECONDS, number))
        self._expect()

    def _expect(self) -> None:
        now = self._clock()
        while self._heard and self._heard[0][0] <= now:
            self._overdue = max(self._overdue, self._heard.popleft()[1])

    async def timeline(self, viewer: int, before: int | None, count: int) -> CachedPage | None:
        """About `count` newest items of a home timeline, from sort_at `before` (inclusive) down; None: not cached.

        Of the oldest instant on the page some may be missing, unless it ends at the floor. Reading keeps it cached.
        """
        return await self._pages.ask(_Question(viewer, before, count))

    async def _read(self, questions: list[_Question]) -> list[CachedPage | None]:
        """All of them in one round trip."""
        try:
            for _ in range(2):
                epoch = self._epoch
                answers = await self._read_of(epoch, questions)
                if answers is not None:
                    return answers
                if self._epoch in (None, epoch):
                    break
        except CacheError:
            pass
        return [None] * len(questions)

    async def _read_of(self, epoch: str | None, questions: list[_Question]) -> list[CachedPage | None] | None:
        async with self._client.pipeline() as pipeline:
            pipeline.get(keys.EPOCH)
            pipeline.pttl(keys.EPOCH)
            if epoch is not None:
                pipeline.get(keys.sent(epoch))
                for viewer, before, most in questions:
                    pipeline.eval(
                        self._script,
                        1,
                        keys.timeline(epoch, viewer),
                        keys.FLOOR_MEMBER,
                        "+inf" if before is None else str(before),
                        str(most + 1),
                        str(keys.TIMELINE_SECONDS),
                    )
                viewers = {question.viewer for question in questions}
                pipeline.sadd(keys.timeline_reads(epoch), *viewers)
            current, left, *answers = await pipeline.execute()
        self._epoch = (
            current.decode() if current is not None and left >= keys.EPOCH_LEFT_MILLISECONDS else None
        )
        if self._epoch is None or self._epoch != epoch:
            return None
        sent, *pages, _ = answers
        self._expect()
        if sent is None or int(sent) < self._overdue:
            return [None] * len(questions)
        return [_page(answer) for answer in pages]


def _page(answer: list[Any] | None) -> CachedPage | None:
    if answer is None:
        return None
    floor, more, oldest, text = answer
    members = [text[at : at + keys.MEMBER_BYTES] for at in range(0, len(text), keys.MEMBER_BYTES)]
    return CachedPage(members, int(oldest), None if more else int(floor))
