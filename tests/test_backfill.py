"""`indexer backfill` over a simulated PDS: everything there is in the tables afterwards, and again nothing to
do.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import orjson
import pytest
import trio

from indexer._fastpath.cid import CID
from indexer.cli import main
from indexer.cli.exit_codes import USAGE
from indexer.ops.asyncio_thread import asyncio_thread
from indexer.records.collections import CODES
from indexer.simulation.account import Account
from indexer.store.ingest import IngestStore
from tests.sync.hosted import SYNC, HostedWorld
from tests.sync.servers import Answer, http_server

POST = "app.bsky.feed.post"


@pytest.fixture
def hosted() -> Iterator[HostedWorld]:
    with http_server() as server:
        yield HostedWorld(server)


def publish_list(hosted: HostedWorld, accounts: list[Account]) -> None:
    entries = [{"did": a.did, "head": "b", "rev": a.rev, "active": True} for a in accounts]
    hosted.http.routes[f"{SYNC}listRepos"] = Answer(orjson.dumps({"repos": entries}))


def stored(url: str, accounts: list[Account]) -> list[dict[str, bytes]]:
    async def read() -> list[dict[str, bytes]]:
        async with asyncio_thread() as thread:
            store = IngestStore(url, "0/1")
            await thread.call(store.open)
            known = await thread.call(store.actors, [account.did for account in accounts])
            found = [await thread.call(store.repository_records, actor.id) for actor in known]
            await thread.call(store.close)
        return found

    return trio.run(read)


def wanted(account: Account) -> dict[str, bytes]:
    records = account.repo.records
    assert records is not None
    return {path: CID.of(block).digest for path, block in records.items() if path.split("/")[0] in CODES}


def backfill(hosted: HostedWorld, url: str, capsys: pytest.CaptureFixture[str], *more: str) -> dict[str, int]:
    options = [
        *("--postgres-url", url, "--plc-url", hosted.http.url, "--handle-resolver-url", hosted.http.url),
        "--allow-private-hosts",
    ]
    assert main(["backfill", hosted.http.url, "--json", *options, *more]) == 0
    found: dict[str, int] = json.loads(capsys.readouterr().out)
    return found


def test_a_host_is_imported(
    hosted: HostedWorld, postgres_url: str, redis_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    accounts = [hosted.account(f"a{number}.test") for number in range(8)]
    for account in accounts:
        for number in range(30):
            post = account.create_record(POST, {"text": f"{number}"})
            accounts[number % 8].create_record("app.bsky.feed.like", {"subject": post.reference})
    for account in accounts:
        hosted.publish(account)
    publish_list(hosted, accounts)
    more = ("--redis-url", redis_url)
    found = backfill(hosted, postgres_url, capsys, *more)
    assert (found["listed"], found["marked"], found["fetched"], found["left"]) == (8, 8, 8, 0)
    assert stored(postgres_url, accounts) == [wanted(account) for account in accounts]
    found = backfill(hosted, postgres_url, capsys, *more)
    assert (found["listed"], found["marked"], found["fetched"]) == (8, 0, 0)
    accounts[3].create_record(POST, {"text": "later"})
    hosted.publish(accounts[3])
    publish_list(hosted, accounts)
    assert backfill(hosted, postgres_url, capsys, "--only-mark", *more)["marked"] == 1
    found = backfill(hosted, postgres_url, capsys, *more)
    assert found["fetched"] == 1
    assert stored(postgres_url, accounts) == [wanted(account) for account in accounts]


def test_a_host_that_is_none(postgres_url: str, redis_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--postgres-url", postgres_url, "--redis-url", redis_url]
    assert main(["backfill", "pds.example.com", *options]) == USAGE
    assert "expected a URL" in capsys.readouterr().err
