"""An import over HTTP: page by page, resumable, and ended by what cannot be fetched as well."""

from __future__ import annotations

import socket
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import orjson
import pytest

from indexer._fastpath.tid import to_int
from indexer.errors import UpstreamError
from indexer.simulation.account import Account
from indexer.sync.backfill import Backfill, Listed, Position, Progress
from indexer.sync.export import Exporter
from indexer.sync.fetch import Fetcher
from indexer.sync.pds import PdsClient
from indexer.sync.policy import RepositoryState
from indexer.sync.resync import Resynchronizer, ResyncLimits
from tests.sync.hosted import SYNC, HostedWorld
from tests.sync.servers import Answer, HttpServer
from tests.sync.test_resync import Indexer, wanted

pytestmark = pytest.mark.anyio


class Import(Indexer):
    """The indexer of the automaton's tests, with a place to keep the listing in."""

    def __init__(self) -> None:
        super().__init__()
        self.place = Position()
        self.pages = 0

    async def position(self, host: str) -> Position:
        return self.place

    async def mark(self, host: str, page: Sequence[Listed], position: Position) -> list[tuple[str, int]]:
        self.pages += 1
        marked = []
        for did, rev in page:
            if did not in self.known or self.known[did][0] < rev:
                self.known.setdefault(did, (0, None, True))
                self.states[did] = RepositoryState.DESYNCHRONIZED
                marked.append((did, self.actor(did)))
        self.place = position._replace(marked=position.marked + len(marked))
        return marked


def publish_list(hosted: HostedWorld, accounts: list[Account], size: int) -> None:
    pages = [accounts[start : start + size] for start in range(0, len(accounts), size)]
    for number, page in enumerate(pages):
        entries = [{"did": a.did, "head": "b", "rev": a.rev, "active": a.active} for a in page]
        body = {"repos": entries} | ({"cursor": f"p{number + 1}"} if number + 1 < len(pages) else {})
        after = f"&cursor=p{number}" if number else ""
        hosted.http.routes[f"{SYNC}listRepos?limit=1000{after}"] = Answer(orjson.dumps(body))


@asynccontextmanager
async def importing(hosted: HostedWorld, index: Import, waiting: int = 100) -> AsyncIterator[Backfill]:
    async with hosted.resolver() as resolver, Fetcher(allow_private=True) as fetcher:
        client = PdsClient(fetcher, timeout=2.0)
        index.resync = Resynchronizer(
            Exporter(resolver, client, index.stored, lambda name: True),
            suspend=index.suspend,
            apply=index.apply,
            save_state=index.save_state,
            load=index.load,
            limits=ResyncLimits(waiting=waiting),
        )
        yield Backfill(hosted.http.url, client, index, index.resync)


@pytest.mark.parametrize("waiting", [100, 3])
async def test_everything_is_imported(http: HttpServer, waiting: int) -> None:
    hosted = HostedWorld(http)
    accounts = [hosted.account(f"a{number}.test") for number in range(12)]
    accounts[3].account_event(active=False, status="deactivated")
    publish_list(hosted, accounts, 5)
    hosted.refuse(accounts[5], "RepoTakendown")
    index = Import()
    seen: list[Progress] = []
    async with importing(hosted, index, waiting) as backfill:
        ended = await backfill.run(seen.append)
    assert ended.position == Position(None, 11, 11, True)
    assert (ended.repositories.fetched, ended.repositories.unreachable) == (10, 1)
    for account in accounts:
        if account not in (accounts[3], accounts[5]):
            assert index.records[account.did] == wanted(account)
            assert not index.states[account.did]
    assert index.states[accounts[5].did]
    assert seen


async def test_an_interrupted_listing_goes_on_where_it_was(http: HttpServer) -> None:
    hosted = HostedWorld(http)
    accounts = [hosted.account(f"a{number}.test") for number in range(6)]
    publish_list(hosted, accounts, 2)
    second = http.routes.pop(f"{SYNC}listRepos?limit=1000&cursor=p1")
    index = Import()
    async with importing(hosted, index) as backfill:
        with pytest.raises(UpstreamError):
            await backfill.list_all()
    assert index.place == Position("p1", 2, 2, False)
    http.routes[f"{SYNC}listRepos?limit=1000&cursor=p1"] = second
    http.asked.clear()
    async with importing(hosted, index) as backfill:
        await backfill.list_all()
    assert index.place == Position(None, 6, 6, True)
    assert not any(asked.endswith("listRepos?limit=1000") for asked in http.asked)
    # A finished import begins anew, and marks only what has changed since.
    for account in accounts:
        index.known[account.did] = (to_int(account.rev) or 0, None, True)
    accounts[4].create_record("app.bsky.feed.post", {"text": "new"})
    publish_list(hosted, accounts, 2)
    async with importing(hosted, index) as backfill:
        assert await backfill.list_all() == Position(None, 6, 1, True)


async def test_a_host_that_fails_for_a_while_is_asked_again(http: HttpServer) -> None:
    hosted = HostedWorld(http)
    publish_list(hosted, [hosted.account("a.test")], 2)
    route = f"{SYNC}listRepos?limit=1000"
    right, http.routes[route] = http.routes[route], Answer(b"", 429, {"Retry-After": "1"})

    index = Import()
    began = time.monotonic()
    async with importing(hosted, index) as backfill:
        asked = backfill._client.seconds_until

        def recover(until: float) -> float:
            http.routes[route] = right
            return asked(until)

        backfill._client.seconds_until = recover  # type: ignore[method-assign]
        assert (await backfill.list_all()).finished
    assert time.monotonic() - began >= 0.9


async def test_a_host_that_is_not_there_is_given_up_soon(http: HttpServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    index = Import()
    began = time.monotonic()
    async with importing(HostedWorld(http), index) as there:
        backfill = Backfill(f"http://127.0.0.1:{port}", there._client, index, index.resync)
        with pytest.raises(UpstreamError, match=f"expected a connection to 127.0.0.1:{port}"):
            await backfill.list_all()
    assert time.monotonic() - began < 20


async def test_a_cursor_that_does_not_move_ends_the_listing(http: HttpServer) -> None:
    hosted = HostedWorld(http)
    account = hosted.account("a.test")
    body = {"repos": [{"did": account.did, "head": "b", "rev": account.rev}], "cursor": "same"}
    http.routes[f"{SYNC}listRepos"] = Answer(orjson.dumps(body))
    async with importing(hosted, Import()) as backfill:
        with pytest.raises(UpstreamError, match="new cursor"):
            await backfill.list_all()
