"""Foreign hosts: limits, redirects, and the guard against our own network."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest

from indexer.sync.fetch import AddressRefused, Fetcher, FetchError, is_public, places
from tests.sync.servers import Answer, HttpServer, certificate, http_server

pytestmark = pytest.mark.anyio


async def test_an_answer(http: HttpServer) -> None:
    http.routes["/a"] = Answer(b"body", 202, {"X-Field": "value"})
    async with Fetcher(allow_private=True) as fetcher:
        answer = await fetcher.get(f"{http.url}/a", max_bytes=4)
    assert (answer.status, answer.body, answer.headers["x-field"]) == (202, b"body", "value")


async def test_https_with_the_host_header_of_choice(tmp_path: Path) -> None:
    server_side, client_side = certificate(tmp_path)
    with http_server(server_side) as server:
        server.routes["alice.test /a"] = Answer(b"alice")
        async with Fetcher(allow_private=True, ssl_context=client_side) as fetcher:
            answer = await fetcher.get(f"{server.url}/a", headers={"host": "alice.test"}, max_bytes=10)
            assert answer.body == b"alice"
        async with Fetcher(allow_private=True) as stranger:
            with pytest.raises(FetchError, match="CERTIFICATE_VERIFY_FAILED"):
                await stranger.get(f"{server.url}/a", max_bytes=10)


@pytest.mark.parametrize(
    "answer",
    [
        Answer(b"x" * 101),
        Answer(b"x", delay=0.4),
        Answer(b"x", cut=True),
        Answer(b"x", headers={"Content-Encoding": "gzip"}),
    ],
)
async def test_an_answer_outside_the_limits(http: HttpServer, answer: Answer) -> None:
    http.routes["/a"] = answer
    async with Fetcher(allow_private=True, timeout=0.2) as fetcher:
        with pytest.raises(FetchError, match="expected"):
            await fetcher.get(f"{http.url}/a", max_bytes=100)
        http.routes["/a"] = Answer(b"right")
        assert (await fetcher.get(f"{http.url}/a", max_bytes=100)).body == b"right"


async def test_nobody_listens() -> None:
    with http_server() as server:
        url = server.url
    async with Fetcher(allow_private=True) as fetcher:
        with pytest.raises(FetchError, match="connection"):
            await fetcher.get(url, max_bytes=100)


async def test_redirects_up_to_the_limit(http: HttpServer) -> None:
    for number in range(3):
        http.routes[f"/{number}"] = Answer(status=302, headers={"Location": f"/{number + 1}"})
    http.routes["/3"] = Answer(b"there")
    async with Fetcher(allow_private=True) as fetcher:
        assert (await fetcher.get(f"{http.url}/0", max_bytes=100, redirects=3)).body == b"there"
        with pytest.raises(FetchError, match="at most 2 redirections"):
            await fetcher.get(f"{http.url}/0", max_bytes=100, redirects=2)
        assert (await fetcher.get(f"{http.url}/0", max_bytes=100)).status == 302


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/",
        "https://localhost/",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://[64:ff9b::a00:1]/",
        "https://169.254.169.254/latest/meta-data",
        "https://10.1.2.3/",
        "https://0.0.0.0/",
        "http://1.1.1.1/",
        "ftp://1.1.1.1/",
        "file:///etc/passwd",
        "https://user:secret@1.1.1.1/",
        "https:///path",
        "https://h:99999/",
        "https://a b/",
        "https://a\r\nx: y/",
        "https://ü.example/",
        "",
    ],
)
async def test_what_strangers_may_not_send_us_to(url: str) -> None:
    async with Fetcher() as fetcher:
        with pytest.raises(AddressRefused):
            await fetcher.get(url, max_bytes=100)


async def test_hosts_that_the_operator_named_may_lie_anywhere(http: HttpServer) -> None:
    http.routes["/a"] = Answer(b"ours")
    http.routes["/away"] = Answer(status=302, headers={"Location": "http://10.0.0.1/"})
    with http_server() as other:
        async with Fetcher(
            trusted=[f"ws://127.0.0.1:{http.port}/path", "wss://relay.example.com"]
        ) as fetcher:
            assert (await fetcher.get(f"{http.url}/a", max_bytes=100)).body == b"ours"
            assert (await fetcher.get(f"http://127.0.0.1:{http.port}/a", max_bytes=100)).body == b"ours"
            for url in (other.url, f"{http.url}/away", f"https://127.0.0.1:{other.port}/"):
                with pytest.raises(AddressRefused):
                    await fetcher.get(url, max_bytes=100, redirects=1)


def test_places() -> None:
    loopback = {("localhost", 80), ("127.0.0.1", 80), ("::1", 80)}
    assert places(["ws://localhost/x"]) == loopback
    assert places(["relay.example.com", "http://Other.example.com:81"]) == {
        ("relay.example.com", 443),
        ("other.example.com", 81),
    }


async def test_a_redirect_into_our_network_is_refused_too(http: HttpServer) -> None:
    http.routes["/a"] = Answer(status=302, headers={"Location": "file:///etc/passwd"})
    async with Fetcher(allow_private=True) as fetcher:
        with pytest.raises(AddressRefused):
            await fetcher.get(f"{http.url}/a", max_bytes=100, redirects=1)


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("1.1.1.1", True),
        ("2606:4700:4700::1111", True),
        ("192.168.0.1", False),
        ("100.64.0.1", False),
        ("224.0.0.1", False),
        ("fe80::1%eth0", False),
        ("fc00::1", False),
        ("ff02::1", False),
        ("::", False),
        ("2002:a00:1::", False),
        ("255.255.255.255", False),
    ],
)
def test_which_addresses_are_public(address: str, public: bool) -> None:
    assert is_public(address) is public


async def test_a_cancelled_request_gives_its_connection_back(http: HttpServer) -> None:
    http.routes["/slow"], http.routes["/a"] = Answer(b"late", delay=0.2), Answer(b"right")
    async with Fetcher(allow_private=True, max_connections=1) as fetcher:
        with anyio.move_on_after(0.05):
            await fetcher.get(f"{http.url}/slow", max_bytes=100)
        assert (await fetcher.get(f"{http.url}/a", max_bytes=100)).body == b"right"
