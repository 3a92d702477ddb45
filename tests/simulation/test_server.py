"""The simulated network over real sockets: subscription, repositories, documents, handles."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import httpx
import libipld
import pytest
import trio
import trio_websocket

from indexer.simulation.account import World
from indexer.simulation.demo import RunningNetwork, run_demo_network, run_live_network, serve_file
from indexer.simulation.files import FrameFile, read_documents, read_frames, sequence_of, write_documents
from indexer.simulation.hosts import WorldHost
from indexer.simulation.network import Network
from indexer.simulation.server import serve
from indexer.simulation.stream import LiveStream

from . import oracle

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def running(function: Any, *arguments: Any, **options: Any) -> AsyncIterator[Any]:
    """Run a server until the block ends."""

    async def start(task_status: trio.TaskStatus[Any]) -> None:
        await function(*arguments, **options, task_status=task_status)

    async with trio.open_nursery() as nursery:
        yield await nursery.start(start)
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def subscribed(port: int, query: str = "") -> AsyncIterator[trio_websocket.WebSocketConnection]:
    url = f"ws://127.0.0.1:{port}/xrpc/com.atproto.sync.subscribeRepos{query}"
    async with trio_websocket.open_websocket_url(url, disconnect_timeout=1) as websocket:
        yield websocket
        if websocket.closed is not None:
            # trio-websocket leaves the socket open when it was the peer who closed
            await websocket._stream.aclose()


async def take(websocket: trio_websocket.WebSocketConnection, count: int) -> list[bytes]:
    with trio.fail_after(10):
        messages = [await websocket.get_message() for _ in range(count)]
        assert all(isinstance(message, bytes) for message in messages)
        return cast(list[bytes], messages)


async def test_a_demo_network_is_whole() -> None:
    with trio.fail_after(60):
        async with running(run_demo_network, accounts=30, rate=200.0, backlog=100) as demo:
            assert isinstance(demo, RunningNetwork)
            async with subscribed(demo.port, "?cursor=0") as websocket:
                frames = await take(websocket, 30 * (4 + 7 + 4) + 100 + 20)
            seqs = [sequence_of(frame) for frame in frames]
            assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))
            assert seqs == [oracle.read_frame(frame)[1]["seq"] for frame in frames]
            times = [oracle.read_frame(frame)[1]["time"] for frame in frames]
            assert times == sorted(times)
            async with httpx.AsyncClient(base_url=demo.url) as http:
                await check_accounts(http, demo)


async def check_accounts(http: httpx.AsyncClient, demo: RunningNetwork) -> None:
    """Every account's document, handle and repository agree with one another."""
    repos: list[dict[str, Any]] = []
    cursor = "0"
    while cursor:
        page = (
            await http.get("/xrpc/com.atproto.sync.listRepos", params={"limit": 7, "cursor": cursor})
        ).json()
        repos += page["repos"]
        cursor = page.get("cursor", "")
    assert len({repo["did"] for repo in repos}) == 30
    for repo in repos[:12]:
        did = {"did": repo["did"]}
        document = (await http.get(f"/{repo['did']}")).json()
        assert document["service"][0]["serviceEndpoint"] == demo.url
        handle = document["alsoKnownAs"][0].removeprefix("at://")
        well_known = await http.get("/.well-known/atproto-did", headers={"host": handle})
        assert well_known.text == repo["did"]
        resolved = await http.get("/xrpc/com.atproto.identity.resolveHandle", params={"handle": handle})
        assert resolved.json() == did
        if not repo["active"]:
            continue
        commit = (await http.get("/xrpc/com.atproto.sync.getLatestCommit", params=did)).json()
        status = (await http.get("/xrpc/com.atproto.sync.getRepoStatus", params=did)).json()
        assert status["active"] is True
        assert commit["rev"] <= status["rev"]
        car = await http.get("/xrpc/com.atproto.sync.getRepo", params=did)
        assert car.headers["content-type"] == "application/vnd.ipld.car"
        root, blocks = oracle.read_car(car.content)
        signed = libipld.decode_dag_cbor(blocks[root])
        assert signed["rev"] >= commit["rev"]
        signature = signed.pop("sig")
        signed["data"] = oracle._Cid(oracle._text(signed["data"]) or "")
        oracle.check_signature(oracle.public_key(document), oracle.encode(signed), signature)


async def test_unknown_things_are_refused_by_name() -> None:
    world = World(seed=1)
    gone = world.account("gone.test")
    gone.create_record("app.bsky.actor.profile", {}, "self")
    gone.account_event(active=False, status="deactivated")
    async with running(serve, WorldHost(world), LiveStream()) as port, httpx.AsyncClient() as http:
        http.base_url = httpx.URL(f"http://127.0.0.1:{port}")
        expected = {
            "/did:plc:nobody": (404, "DID not registered: did:plc:nobody"),
            "/xrpc/com.atproto.sync.getRepo?did=did:plc:nobody": (400, "RepoNotFound"),
            f"/xrpc/com.atproto.sync.getRepo?did={gone.did}": (400, "RepoDeactivated"),
            "/xrpc/com.atproto.sync.listRepos?limit=0": (400, "InvalidRequest"),
            "/xrpc/com.atproto.identity.resolveHandle?handle=nobody.test": (400, "InvalidRequest"),
            "/xrpc/com.atproto.sync.subscribeRepos": (426, "InvalidRequest"),
            "/xrpc/app.bsky.feed.getTimeline": (404, "MethodNotImplemented"),
        }
        for path, (status, text) in expected.items():
            response = await http.get(path)
            assert (response.status_code, text in response.text) == (status, True), path
        assert (await http.post("/xrpc/_health")).status_code == 405
        assert (
            await http.get("/.well-known/atproto-did", headers={"host": "nobody.test"})
        ).status_code == 404
        assert (await http.get("/xrpc/_health")).json() == {"version": "simulation"}
        status = (await http.get("/xrpc/com.atproto.sync.getRepoStatus", params={"did": gone.did})).json()
        assert status == {"did": gone.did, "active": False, "status": "deactivated"}


async def test_cursors_follow_the_specification() -> None:
    world = World(seed=1)
    account = world.account()
    frames = [account.create_record("app.bsky.feed.post", {"text": "x" * 400}).frame for _ in range(40)]
    stream = LiveStream(window_bytes=30_000)
    for frame in frames:
        stream.append(frame)
    async with running(serve, WorldHost(world), stream) as port:
        async with subscribed(port, "?cursor=35") as websocket:
            assert await take(websocket, 5) == frames[35:]
        async with subscribed(port, "?cursor=41") as websocket:
            header, payload = oracle.read_frame((await take(websocket, 1))[0])
            assert (header["op"], payload["error"]) == (-1, "FutureCursor")
            with pytest.raises(trio_websocket.ConnectionClosed), trio.fail_after(5):
                await websocket.get_message()
        async with subscribed(port, "?cursor=2") as websocket:
            info, first = await take(websocket, 2)
            assert oracle.read_frame(info)[1]["name"] == "OutdatedCursor"
            assert 3 < sequence_of(first) < 35
        async with subscribed(port, "?cursor=0") as websocket:
            assert await take(websocket, 1) == [first]
        async with subscribed(port) as websocket:
            await stream.until_wanted()
            live = account.create_record("app.bsky.feed.post", {"text": "now"}).frame
            stream.append(live)
            assert await take(websocket, 1) == [live]
            with trio.fail_after(5):
                await websocket.ping(b"still there")
        async with httpx.AsyncClient() as http:
            upgrade = {"connection": "upgrade", "upgrade": "websocket"}
            url = f"http://127.0.0.1:{port}/xrpc/com.atproto.sync.subscribeRepos?cursor=abc"
            assert (await http.get(url, headers=upgrade)).status_code == 400


async def test_a_subscriber_that_falls_out_of_the_window_is_told() -> None:
    world = World(seed=1)
    account = world.account()
    stream = LiveStream(window_bytes=20_000)
    stream.append(account.create_record("app.bsky.feed.post", {"text": "first"}).frame)
    chunks = stream.subscribe(0)
    assert (await anext(chunks))[2:]
    for number in range(100):
        stream.append(account.create_record("app.bsky.feed.post", {"text": f"post {number}"}).frame)
    last = await anext(chunks)
    assert b"ConsumerTooSlow" in last
    with pytest.raises(StopAsyncIteration):
        await anext(chunks)


async def test_full_speed_waits_for_its_subscribers() -> None:
    with trio.fail_after(30):
        async with running(run_live_network, 1, 20) as running_network:
            await trio.sleep(0.1)
            network = running_network.network
            assert network.repos == {}
            first = network.clock.seq + 1
            async with subscribed(running_network.port, "?cursor=0") as websocket:
                frames = await take(websocket, 1500)
            assert [sequence_of(frame) for frame in frames] == list(range(first, first + 1500))


async def test_a_file_is_served_as_it_was_written(tmp_path: Path) -> None:
    network = Network(seed=4, accounts=12)
    frames = list(network.frames(800))
    documents = [network.identity(number).document() for number in range(12)]
    for suffix in ("", ".zst"):
        path, docs = tmp_path / f"sim.frames{suffix}", tmp_path / f"sim.did_docs.json{suffix}"
        with FrameFile(path) as file:
            file.write(frames)
        write_documents(docs, documents)
        assert [frame for group in read_frames(path, 5000) for frame in group] == frames
        assert list(read_documents(docs).values()) == documents
        async with running(serve_file, path, docs, rate=20_000.0, close_at_end=True) as port:
            async with subscribed(port) as websocket:
                assert await take(websocket, 800) == frames
                with pytest.raises(trio_websocket.ConnectionClosed), trio.fail_after(5):
                    await websocket.get_message()
            async with subscribed(port, "?cursor=790") as websocket:
                assert await take(websocket, 10) == frames[790:]
            async with subscribed(port, "?cursor=801") as websocket:
                assert b"FutureCursor" in (await take(websocket, 1))[0]
            async with httpx.AsyncClient() as http:
                url = f"http://127.0.0.1:{port}/{documents[3]['id']}"
                assert (await http.get(url)).json() == documents[3]


def test_a_file_that_ends_within_a_frame_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cut.frames"
    path.write_bytes(b"\0\0\0\5hello\0\0\0\5hel")
    with pytest.raises(ValueError, match=r"ends within a frame \(7 bytes are left\)"):
        list(read_frames(path))
