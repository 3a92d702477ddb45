"""Importing the history of a PDS or relay: list its repositories, mark those we lack, and let the automaton
fetch them.

Owns: walking listRepos page by page so that a restart goes on where it was, and when such an import is over.
What is marked is durable before the next page is asked for; the fetching itself is resync.py's, in this
process or in the one that follows the stream.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import anyio
import structlog

from indexer._fastpath.tid import to_int
from indexer.errors import HostUnavailable, UpstreamError
from indexer.sync.pds import Page, PdsClient, RepositoryStatus
from indexer.sync.resync import Resynchronizer, Statistics

logger = structlog.get_logger("indexer.sync")

PAGE_SIZE = 1000
ATTEMPTS = 8
"""Times that a page is asked for before the host counts as gone; the pauses between them grow to minutes."""
FIRST_ATTEMPTS = 3
"""The same before the host was reached for the first time: whoever mistyped its name is to hear of it soon."""
POLL_SECONDS = 0.1


class Listed(NamedTuple):
    """One active repository of a page: `rev` is 0 where the host does not say."""

    did: str
    rev: int


class Position(NamedTuple):
    """How far the listing of a host has come: the next page's cursor (None: not begun or finished),
    repositories listed and marked since it began, and whether it reached the end.
    """

    cursor: str | None = None
    listed: int = 0
    marked: int = 0
    finished: bool = False


class BackfillStore(Protocol):
    """Where an import keeps its place."""

    async def position(self, host: str) -> Position:
        """How far the listing of `host` has come."""
        ...

    async def mark(self, host: str, page: Sequence[Listed], position: Position) -> list[tuple[str, int]]:
        """In one transaction mark the page's repositories that we lack or that are behind (repo.state), and
        save the place: `position` with the marked ones added. Gives the marked (DID, actor id).
        """
        ...


class Progress(NamedTuple):
    """An import under way: its place in the listing, and what the automaton did."""

    position: Position
    repositories: Statistics


class Backfill:
    """One import of the repositories of `host` (the URL of a PDS or relay)."""

    def __init__(self, host: str, client: PdsClient, store: BackfillStore, resync: Resynchronizer) -> None:
        self._host = host.rstrip("/")
        self._client = client
        self._store = store
        self._resync = resync
        self._position = Position()
        self._reached = False

    @property
    def progress(self) -> Progress:
        """How far it is."""
        return Progress(self._position, self._resync.statistics())

    async def list_all(self) -> Position:
        """Walk the listing to its end from where an earlier run stopped; a finished one begins anew.

        Raises UpstreamError where the host does not answer any more.
        """
        found = await self._store.position(self._host)
        self._position = Position() if found.finished else found
        while not self._position.finished:
            answer = await self._page(self._position.cursor)
            page = [Listed(entry.did, _rev(entry)) for entry in answer.repositories if entry.active]
            cursor = answer.cursor if answer.repositories else None
            if cursor is not None and cursor == self._position.cursor:
                raise UpstreamError(f"expected a new cursor from {self._host}, got {cursor[:100]!r} again")
            reached = self._position._replace(
                cursor=cursor, listed=self._position.listed + len(page), finished=cursor is None
            )
            marked = await self._store.mark(self._host, page, reached)
            self._position = reached._replace(marked=reached.marked + len(marked))
            for did, actor in marked:
                self._resync.request(did, actor)
        logger.info("repositories listed", host=self._host, **self._position._asdict())
        return self._position

    async def _page(self, cursor: str | None) -> Page:
        failures = 0
        while True:
            try:
                page = await self._client.list_repositories(self._host, cursor, PAGE_SIZE)
            except HostUnavailable as error:
                failures += 1
                self._reached |= error.reached
                if failures == (ATTEMPTS if self._reached else FIRST_ATTEMPTS):
                    raise
                logger.warning("listing interrupted", host=self._host, error=str(error))
                await anyio.sleep(self._client.seconds_until(error.until))
            else:
                self._reached = True
                return page

    async def run(self, on_progress: Callable[[Progress], None] | None = None) -> Progress:
        """List everything and fetch it here, without a stream beside it; returns when nothing is left but
        repositories that were tried several times in vain (they stay marked for a later run).
        """
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._resync.run)
            tasks.start_soon(self._settle, on_progress)
            await self.list_all()
            while not self._idle():  # noqa: ASYNC110 - what is waited for are the states of many tasks
                await anyio.sleep(POLL_SECONDS)
            tasks.cancel_scope.cancel()
        return self.progress

    def _idle(self) -> bool:
        counts = self._resync.statistics()
        working = self._resync.ready or counts.in_progress or counts.more
        return not working and counts.waiting == counts.unreachable

    async def _settle(self, on_progress: Callable[[Progress], None] | None) -> None:
        while True:
            await self._resync.settle(self._resync.release())
            if on_progress is not None:
                on_progress(self.progress)
            await anyio.sleep(POLL_SECONDS)


def _rev(entry: RepositoryStatus) -> int:
    return (to_int(entry.rev) or 0) if entry.rev is not None else 0
