"""Keeping handles, keys and hosts of indexed accounts current, in the background.

Owns how many are looked at at once and what counts as an answer. Which accounts are due (never looked at, an #identity
event, a day old), and where the answer goes, come in as functions: the store keeps both, so that nothing is lost by a
restart.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import anyio
import structlog

from indexer.errors import IdentityError, IdentityNotFound, StoreError
from indexer.sync.identity import IdentityResolver

log = structlog.get_logger("indexer.sync")

DUE_PER_ROUND = 200
DUE_WHILE_BUSY = 10
CONCURRENCY = 16
IDLE_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Finding:
    """What a look at an account's identity found: its 34-byte key, its PDS, its handle if proven both ways.

    `is_final`: False where somebody did not answer, so that nothing is known.
    """

    actor: int
    signing_key: bytes | None = None
    pds: str | None = None
    handle: str | None = None
    is_final: bool = True


class IdentityRefresher:
    """Looks at due accounts until cancelled. Runs under Trio or asyncio."""

    def __init__(
        self,
        resolver: IdentityResolver,
        due: Callable[[int], Awaitable[list[tuple[int, str]]]],
        save: Callable[[Finding], Awaitable[None]],
        *,
        busy: Callable[[], bool] = lambda: False,
    ) -> None:
        """`due(count)` gives (id, DID) of the longest due accounts. Both may raise StoreError: tried again later.

        `busy`: whether the process has something more urgent to do, as catching up; then few are looked at.
        """
        self._resolver = resolver
        self._due = due
        self._save = save
        self._busy = busy

    async def run(self) -> None:
        """Look at accounts as they become due."""
        limiter = anyio.CapacityLimiter(CONCURRENCY)
        while True:
            try:
                accounts = await self._due(DUE_WHILE_BUSY if self._busy() else DUE_PER_ROUND)
            except StoreError as error:
                log.warning("cannot look for identities that are due", error=str(error))
                accounts = []
            async with anyio.create_task_group() as group:
                for actor, did in accounts:
                    group.start_soon(self._refresh, actor, did, limiter)
            if len(accounts) < DUE_PER_ROUND:
                await anyio.sleep(IDLE_SECONDS)

    async def _refresh(self, actor: int, did: str, limiter: anyio.CapacityLimiter) -> None:
        async with limiter:
            finding = await self._look(actor, did)
            try:
                await self._save(finding)
            except StoreError as error:
                log.warning("cannot save an identity", did=did, error=str(error))

    async def _look(self, actor: int, did: str) -> Finding:
        try:
            self._resolver.forget(did)
            document = await self._resolver.resolve(did)
            if document.handle is not None:
                self._resolver.forget(did, document.handle)
            handle = await self._resolver.verified_handle(document)
        except IdentityNotFound:
            return Finding(actor)
        except IdentityError as error:
            log.debug("identity not resolved", did=did, error=str(error))
            return Finding(actor, is_final=False)
        return Finding(actor, document.signing_key, document.pds, handle)
