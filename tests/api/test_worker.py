"""A worker of the API as its web server uses it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from indexer.api import server
from indexer.api.server import Worker
from indexer.config import Settings

pytestmark = pytest.mark.anyio


@dataclass
class Protocol:
    """What a worker answers with."""

    statuses: list[int] = field(default_factory=list)

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        assert ("access-control-allow-origin", "*") in headers
        self.statuses.append(status)


async def status_of(worker: Worker, path: str) -> int:
    protocol = Protocol()
    scope: Any = SimpleNamespace(method="GET", path=path, query_string="", headers={})
    await worker.__rsgi__(scope, protocol)
    (status,) = protocol.statuses
    return status


async def test_a_worker_that_starts_without_its_database_answers_as_soon_as_it_is_there(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "OPENING_SECONDS", 0.2)
    monkeypatch.setattr(server, "RETRY_SECONDS", 0.1)
    worker = Worker(Settings(postgres_url="postgresql://127.0.0.1:1/none"))
    worker.__rsgi_init__(asyncio.get_running_loop())
    assert await status_of(worker, "/xrpc/_health") == 503
    assert await status_of(worker, "/xrpc/app.bsky.feed.getPosts") == 503
    worker._settings = Settings(postgres_url=postgres_url)
    async with asyncio.timeout(20):
        while await status_of(worker, "/xrpc/_health") != 200:  # noqa: ASYNC110 (a database)
            await asyncio.sleep(0.05)
    await worker._stack.aclose()
