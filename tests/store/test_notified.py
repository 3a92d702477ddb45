"""Whoever gains or loses a notification is named by the commit: API workers keep pages of notifications by that."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from indexer.store.deltas import Detail
from tests.store.pipeline import Pipeline
from tests.store.streams import Stream

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("seed", range(3))
async def test_who_gains_or_loses_a_notification_is_told(postgres_url: str, seed: int) -> None:
    stream = Stream(seed, events=700, statuses=(None, None, None, "deactivated"))
    frames = [event.frame for event in stream.shuffled(0.2)]
    choices = random.Random(seed)
    gained, lost = 0, 0
    async with Pipeline(postgres_url) as pipeline:

        async def notifications() -> Counter[tuple[int, ...]]:
            rows = await pipeline.connection.fetch(
                "SELECT recipient, author, reason, record_kind, record_key FROM notification"
            )
            return Counter(tuple(row) for row in rows)

        before = await notifications()
        while frames:
            count = choices.choice([1, 2, 5, 20])
            batch, frames = frames[:count], frames[count:]
            deltas = await pipeline.write(batch)
            assert deltas.detail is Detail.ALL
            after = await notifications()
            come, gone = after - before, before - after
            if not deltas.purged:  # then everything is void
                assert {row[0] for row in (come | gone)} <= set(deltas.notified)
            gained, lost, before = gained + come.total(), lost + gone.total(), after
    assert gained > 20
    assert lost > 0
