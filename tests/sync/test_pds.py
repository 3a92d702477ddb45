"""Questions to a PDS: what its answers mean, pauses after failures, and #account events checked against them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import orjson
import pytest

from indexer._fastpath.events import AccountEvent
from indexer.errors import HostUnavailable
from indexer.simulation.account import World
from indexer.sync.account_check import AccountChecker
from indexer.sync.fetch import Fetcher
from indexer.sync.pds import AnswerRefused, PdsClient, RepositoryUnavailable
from indexer.sync.policy import AccountStatus, Confirmation
from tests.sync.hosted import SYNC, HostedWorld
from tests.sync.servers import Answer, HttpServer

pytestmark = pytest.mark.anyio

DID = "did:plc:ewvi7nxzyoun6zhxrhs64oiz"


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def client(clock: Clock | None = None, **limits: int) -> AsyncIterator[PdsClient]:
    async with Fetcher(allow_private=True) as fetcher:
        yield PdsClient(fetcher, timeout=0.5, clock=clock or Clock(), **limits)


async def test_right_answers(http: HttpServer) -> None:
    hosted = HostedWorld(http)
    alice = hosted.account("alice.test")
    listed = [{"did": alice.did, "head": "b", "rev": alice.rev, "active": True}, {"did": 7}, "x"]
    http.routes[f"{SYNC}listRepos?limit=1000"] = Answer(orjson.dumps({"repos": listed, "cursor": "a b&"}))
    http.routes[f"{SYNC}listRepos?limit=1000&cursor=a%20b%26"] = Answer(orjson.dumps({"repos": []}))
    async with client() as pds:
        assert await pds.repository(http.url, alice.did) == alice.repo.export()
        assert (await pds.latest_commit(http.url, alice.did)).rev == alice.rev
        status = await pds.repository_status(http.url, alice.did)
        assert (status.active, status.status, status.rev) == (True, None, alice.rev)
        page = await pds.list_repositories(http.url, None)
        assert [(entry.did, entry.rev) for entry in page.repositories] == [(alice.did, alice.rev)]
        assert page.cursor == "a b&"
        assert (await pds.list_repositories(http.url, page.cursor)).cursor is None


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(b'{"error":"RepoNotFound"}', 400), RepositoryUnavailable),
        (Answer(b'{"error":"RepoDeactivated"}', 400), RepositoryUnavailable),
        (Answer(b"", 404), RepositoryUnavailable),
        (Answer(b'{"error":"InvalidRequest"}', 400), AnswerRefused),
        (Answer(b"<html>", 403), AnswerRefused),
        (Answer(b"", 500), HostUnavailable),
        (Answer(b"", 429), HostUnavailable),
        (Answer(b"x", cut=True), HostUnavailable),
        (Answer(b"x" * 5_000_000), AnswerRefused),
        (Answer(b"{"), AnswerRefused),
        (Answer(b"[]"), AnswerRefused),
        (Answer(b'{"cid":1,"rev":"x"}'), AnswerRefused),
    ],
)
async def test_other_answers(http: HttpServer, answer: Answer, error: type[Exception]) -> None:
    http.routes[f"{SYNC}getLatestCommit?did={DID}"] = answer
    async with client() as pds:
        with pytest.raises(error):
            await pds.latest_commit(http.url, DID)


async def test_a_failing_host_is_left_alone_longer_and_longer(http: HttpServer) -> None:
    http.routes[f"{SYNC}getLatestCommit?did={DID}"] = Answer(b"", 500)
    clock = Clock()
    async with client(clock) as pds:
        pauses = []
        for _ in range(12):
            with pytest.raises(HostUnavailable) as caught:
                await pds.latest_commit(http.url, DID)
            asked = len(http.asked)
            with pytest.raises(HostUnavailable):
                await pds.latest_commit(http.url, DID)
            assert len(http.asked) == asked
            pauses.append(caught.value.until - clock.now)
            clock.now = caught.value.until
        assert 1.5 <= pauses[0] <= 2.5
        assert pauses[3] > 4 * pauses[0]
        assert max(pauses) <= 750
        http.routes[f"{SYNC}getLatestCommit?did={DID}"] = Answer(b'{"cid":"b","rev":"c"}')
        await pds.latest_commit(http.url, DID)
        await pds.latest_commit(http.url, DID)


async def test_a_host_says_how_long_it_wants_to_be_left_alone(http: HttpServer) -> None:
    http.routes[f"{SYNC}getLatestCommit?did={DID}"] = Answer(b"", 429, {"Retry-After": "77"})
    async with client() as pds:
        with pytest.raises(HostUnavailable) as caught:
            await pds.latest_commit(http.url, DID)
        assert caught.value.until == 77


async def test_one_big_repository_at_a_time(http: HttpServer) -> None:
    for name in "abc":
        http.routes[f"{SYNC}getRepo?did=did:web:{name}"] = Answer(b"x" * 300_000)
    async with client(small_repository_bytes=1000, max_repository_bytes=400_000) as pds:
        async with anyio.create_task_group() as tasks:
            for name in "abc":
                tasks.start_soon(pds.repository, http.url, f"did:web:{name}")
        http.routes[f"{SYNC}getRepo?did=did:web:a"] = Answer(b"x" * 400_001)
        with pytest.raises(AnswerRefused, match="at most 400000 bytes"):
            await pds.repository(http.url, "did:web:a")
        assert len(await pds.repository(http.url, "did:web:b")) == 300_000


HIDES = (AccountStatus.DEACTIVATED, AccountStatus.TAKENDOWN, AccountStatus.SUSPENDED)


@pytest.mark.parametrize("status", [*HIDES, AccountStatus.DELETED])
async def test_an_old_hosts_event_is_contradicted_by_the_present_one(
    http: HttpServer, status: AccountStatus
) -> None:
    hosted = HostedWorld(http)
    alice = hosted.account("alice.test")
    async with hosted.resolver() as resolver, client() as pds:
        assert await AccountChecker(resolver, pds).confirm(alice.did, status) is Confirmation.CONTRADICTED


@pytest.mark.parametrize(
    ("error", "http_status", "hidden", "deleted"),
    [
        ("RepoNotFound", 400, Confirmation.CONFIRMED, Confirmation.CONFIRMED),
        ("RepoTakendown", 400, Confirmation.CONFIRMED, Confirmation.UNKNOWN),
        ("RepoDeactivated", 400, Confirmation.CONFIRMED, Confirmation.UNKNOWN),
        ("InternalServerError", 500, Confirmation.UNKNOWN, Confirmation.UNKNOWN),
        ("InvalidRequest", 400, Confirmation.UNKNOWN, Confirmation.UNKNOWN),
    ],
)
async def test_what_the_hosts_errors_say(
    http: HttpServer, error: str, http_status: int, hidden: Confirmation, deleted: Confirmation
) -> None:
    hosted = HostedWorld(http)
    alice = hosted.account("alice.test")
    hosted.refuse(alice, error, http_status)
    for status in (*HIDES, AccountStatus.DELETED):
        async with hosted.resolver() as resolver, client() as pds:
            found = await AccountChecker(resolver, pds).confirm(alice.did, status)
        assert found is (deleted if status is AccountStatus.DELETED else hidden)


async def test_an_inactive_account_and_one_that_is_gone_from_the_directory(http: HttpServer) -> None:
    hosted = HostedWorld(http)
    alice = hosted.account("alice.test")
    alice.account_event(active=False, status="deactivated")
    hosted.publish(alice)
    async with hosted.resolver() as resolver, client() as pds:
        checker = AccountChecker(resolver, pds)
        assert await checker.confirm(alice.did, AccountStatus.DEACTIVATED) is Confirmation.CONFIRMED
        assert await checker.confirm(alice.did, AccountStatus.ACTIVE) is Confirmation.CONFIRMED
        stranger = World(seed=9).account("stranger.test")
        assert await checker.confirm(stranger.did, AccountStatus.DELETED) is Confirmation.CONFIRMED
        http.routes[f"/{alice.did}"] = Answer(b"", 500)
        assert await checker.confirm(alice.did, AccountStatus.DELETED) is Confirmation.UNKNOWN


async def test_the_events_of_a_batch(http: HttpServer) -> None:
    hosted = HostedWorld(http)
    moved, gone, unsure, hidden, back = (
        hosted.account(f"{name}.test") for name in ("moved", "gone", "unsure", "hidden", "back")
    )
    hosted.refuse(gone, "RepoNotFound")
    http.routes[f"{SYNC}getLatestCommit?did={unsure.did}"] = Answer(b"{}", delay=1.0)
    http.routes[f"{SYNC}getRepoStatus?did={hidden.did}"] = Answer(b"{}", delay=1.0)
    events = [
        AccountEvent(1, 1, "deactivated", False, 10, moved.did, 1),
        AccountEvent(2, 1, "deleted", False, 11, moved.did, 2),
        AccountEvent(3, 2, "deleted", False, 12, gone.did, 3),
        AccountEvent(4, 3, "deleted", False, 13, unsure.did, 4),
        AccountEvent(5, 4, "takendown", False, 14, hidden.did, 5),
        AccountEvent(6, 5, None, True, 15, back.did, 6),
        AccountEvent(7, 5, "throttled", True, 16, back.did, 7),
    ]
    async with hosted.resolver() as resolver, client() as pds:
        kept = await AccountChecker(resolver, pds).confirmed(events, deadline=0.4)
    assert [(event.n, event.status, event.active) for event in kept] == [
        (3, "deleted", False),
        (4, "deactivated", False),
        (5, "takendown", False),
        (6, None, True),
        (7, "throttled", True),
    ]
