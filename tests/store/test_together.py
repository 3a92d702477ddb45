"""Questions asked in one round trip: a lone one at once, those that come meanwhile together, whatever ends one."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from indexer.store.reads.together import MOST, Together

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    """Workers of the API run on asyncio under uvloop."""
    return ("asyncio", {"use_uvloop": True})


class Trips:
    """A database that answers when the test lets it."""

    def __init__(self) -> None:
        self.asked: list[list[int]] = []
        self.answered = asyncio.Semaphore(0)

    async def fetch(self, questions: list[int]) -> list[int]:
        self.asked.append(questions)
        await self.answered.acquire()
        if -1 in questions:
            raise LookupError
        return [10 * question for question in questions]


async def test_a_lone_question_is_asked_at_once_and_later_ones_together() -> None:
    trips = Trips()
    together = Together(trips.fetch)
    first = asyncio.create_task(together.ask(1))
    await asyncio.sleep(0)
    assert trips.asked == [[1]]
    later = [asyncio.create_task(together.ask(number)) for number in range(2, MOST + 3)]
    await asyncio.sleep(0)
    assert trips.asked == [[1]]
    for _ in range(3):
        trips.answered.release()
    assert await first == 10
    assert await asyncio.gather(*later) == [10 * number for number in range(2, MOST + 3)]
    assert [len(questions) for questions in trips.asked] == [1, MOST, 1]
    trips.answered.release()
    assert await together.ask(7) == 70


async def test_who_is_cancelled_or_fails_takes_nobody_along() -> None:
    trips = Trips()
    together = Together(trips.fetch)
    first = asyncio.create_task(together.ask(1))
    await asyncio.sleep(0)
    second, third = (asyncio.create_task(together.ask(number)) for number in (2, 3))
    await asyncio.sleep(0)
    first.cancel()
    second.cancel()
    await asyncio.sleep(0.01)
    trips.answered.release()
    assert await third == 30
    assert first.cancelled()
    assert second.cancelled()
    trips.answered.release()
    with pytest.raises(LookupError):
        await together.ask(-1)
    fourth, fifth = (asyncio.create_task(together.ask(number)) for number in (4, 5))
    await asyncio.sleep(0)
    trips.answered.release()
    trips.answered.release()
    assert (await fourth, await fifth) == (40, 50)
