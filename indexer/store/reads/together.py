"""Questions that many requests ask at the same time, asked in one round trip.

While one trip is under way, the questions that come wait for the next, which takes all of them along. So an answer is
never older than its question, a lone question is asked at once, and under load a trip is paid for by many.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Q = TypeVar("Q")
A = TypeVar("A")

MOST = 64
"""Questions that one trip takes along."""


class Together(Generic[Q, A]):
    """Asks `fetch` for the answers to several questions, in their order. Use from one asyncio loop only."""

    def __init__(self, fetch: Callable[[list[Q]], Awaitable[Sequence[A]]]) -> None:
        self._fetch = fetch
        self._waiting: list[tuple[Q, asyncio.Future[A]]] = []
        self._is_asking = False
        self._trips: asyncio.Task[None] | None = None

    async def ask(self, question: Q) -> A:
        """The answer to one question. Raises what `fetch` raises."""
        if self._is_asking:
            waiting: asyncio.Future[A] = asyncio.get_running_loop().create_future()
            self._waiting.append((question, waiting))
            return await waiting
        self._is_asking = True
        try:
            (answer,) = await self._fetch(
                [question]
            )  # alone: a task of its own would take longer than the rest
            return answer
        finally:
            self._is_asking = bool(self._waiting)
            if self._waiting:
                self._trips = asyncio.create_task(self._run())

    async def _run(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
                try:
                    answers = await self._fetch([question for question, _ in batch])
                except Exception as error:
                    for _, future in batch:
                        if not future.done():
                            future.set_exception(error)
                else:
                    for (_, future), answer in zip(batch, answers, strict=True):
                        if not future.done():
                            future.set_result(answer)
        finally:
            self._is_asking = False
