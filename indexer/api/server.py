"""The API's web server: Granian with N worker processes, each with its own connections to Postgres and Redis.

Owns start-up and shutdown of workers and the passage between Granian's RSGI and the application. Everything in a
worker runs on one asyncio loop (uvloop).
"""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

import structlog
from granian.constants import Interfaces, Loops
from granian.log import LogLevels
from granian.server import Server as Granian

from indexer.api.application import Application, Request, unavailable
from indexer.api.auth import Authenticator, audiences_of
from indexer.api.metrics import counting, worker_requests
from indexer.api.services import open_services
from indexer.config import Settings
from indexer.errors import StoreError
from indexer.ops.garbage import collect_seldom
from indexer.store.migrate import check
from indexer.sync.account_keys import AccountKeys
from indexer.sync.identity import IdentityResolver, IdentitySettings

OPENING_SECONDS = 5.0
"""How long a request waits for a worker that has just been started."""

RETRY_SECONDS = 1.0
"""Between two attempts of a worker to open its connections."""

LOOKUPS_SECONDS = 1.0
"""How often, at most, a worker says what it looked up; with an answer."""

NICENESS = 5
"""What workers are nicer than the process that started them: where the processors are all busy, answers wait, not the
stream. Beside an ingest process on the same cores a worker has a quarter of its share, and all that it leaves.
"""

log = structlog.get_logger("indexer.api")


class Worker:
    """One process's RSGI application. Granian calls `__rsgi_init__` once, then the instance per request.

    A worker that is started while Postgres is away keeps trying, and answers 503 meanwhile.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stack = AsyncExitStack()
        self._application: Application | None = None
        self._opening: asyncio.Task[None] | None = None
        self._requests = worker_requests()
        self._looked_up_at = 0.0

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._opening = loop.create_task(self._open())

    def __rsgi_del__(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._opening is not None:
            self._opening.cancel()
        loop.run_until_complete(self._stack.aclose())

    async def _open(self) -> None:
        while self._application is None:
            async with AsyncExitStack() as opened:
                try:
                    self._application = await open_application(self._settings, opened)
                except StoreError as error:
                    log.warning("cannot answer yet, trying again", error=str(error), in_seconds=RETRY_SECONDS)
                else:
                    self._stack = opened.pop_all()
                    return
            await asyncio.sleep(RETRY_SECONDS)

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        application = self._application
        if application is None:
            assert self._opening is not None
            await asyncio.wait([self._opening], timeout=OPENING_SECONDS)
            if self._opening.done():
                self._opening.result()
            application = self._application
        if application is None:
            response = unavailable()
            protocol.response_bytes(response.status, list(response.headers.items()), response.body)
            return
        body = b""
        if scope.method not in ("GET", "HEAD", "OPTIONS"):
            body = await protocol()
        headers = dict(scope.headers.items())
        began = time.perf_counter()
        response = await application.answer(
            Request(scope.method, scope.path, scope.query_string, headers, body)
        )
        if self._requests is not None:
            now = time.perf_counter()
            self._requests.observe(scope.path, response.status, now - began)
            if now >= self._looked_up_at + LOOKUPS_SECONDS:
                self._looked_up_at = now
                self._requests.looked_up(application.services.lookups())
        protocol.response_bytes(
            response.status, list(response.headers.items()), b"" if scope.method == "HEAD" else response.body
        )


async def open_application(settings: Settings, stack: AsyncExitStack) -> Application:
    """An application with its connections open; `stack` closes them."""
    resolver = await stack.enter_async_context(IdentityResolver(IdentitySettings.of(settings)))
    services = await stack.enter_async_context(open_services(settings, resolver))
    authenticator = Authenticator(
        AccountKeys(resolver, services.signing_key),
        audiences=audiences_of(settings.effective_service_did, with_fragment=False),
        admin_passwords=[settings.admin_password] if settings.admin_password else [],
    )
    return Application(services, authenticator)


def run_api(settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM; then finish the requests under way. The settings name Postgres' address.

    Raises StoreError where Postgres cannot be reached or has not this program's schema.
    """
    assert settings.postgres_url is not None  # the caller has found or started one
    asyncio.run(check(settings.postgres_url))
    server = Granian(
        "indexer-api",
        address=settings.api_host,
        port=settings.api_port,
        interface=Interfaces.RSGI,
        workers=settings.api_workers or os.cpu_count() or 1,
        loop=Loops.uvloop,
        log_level=LogLevels.warning,
        respawn_failed_workers=True,
        backpressure=512,
    )
    with counting(settings):
        server.serve(target_loader=partial(load_worker, settings), wrap_loader=False)


def load_worker(settings: Settings, *_: Any) -> Any:
    """In a worker process: the RSGI application."""
    os.nice(NICENESS)
    collect_seldom()  # what is kept for answers is much, and free of cycles
    return Worker(settings)
