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

from granian.constants import Interfaces, Loops
from granian.log import LogLevels
from granian.server import Server as Granian

from indexer.api.application import Application, Request
from indexer.api.auth import Authenticator, audiences_of
from indexer.api.metrics import counting, worker_requests
from indexer.api.services import open_services
from indexer.config import Settings
from indexer.sync.account_keys import AccountKeys
from indexer.sync.identity import IdentityResolver, IdentitySettings

LOOKUPS_SECONDS = 1.0
"""How often, at most, a worker says what it looked up; with an answer."""


class Worker:
    """One process's RSGI application. Granian calls `__rsgi_init__` once, then the instance per request."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stack = AsyncExitStack()
        self._application: Application | None = None
        self._opening: asyncio.Task[Application] | None = None
        self._requests = worker_requests()
        self._looked_up_at = 0.0

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._opening = loop.create_task(self._open())

    def __rsgi_del__(self, loop: asyncio.AbstractEventLoop) -> None:
        loop.run_until_complete(self._stack.aclose())

    async def _open(self) -> Application:
        self._application = await open_application(self._settings, self._stack)
        return self._application

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        application = self._application
        if application is None:
            assert self._opening is not None
            application = await asyncio.shield(self._opening)
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
    """Serve until SIGINT or SIGTERM; then finish the requests under way. The settings name Postgres' address."""
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
    return Worker(settings)
