"""Shared by the tests of sync: the official vectors, both event loops, servers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sync.servers import DnsServer, HttpServer, dns_server, http_server


@pytest.fixture(scope="session")
def interop(shared_directory: Path) -> Path:
    """The directory of the official interoperability vectors."""
    return shared_directory / "vectors" / "interop"


@pytest.fixture(params=["trio", "asyncio+uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, object]]:
    """Identities are resolved under both loops: Trio in ingest, uvloop in the API."""
    if request.param == "trio":
        return "trio", {}
    return "asyncio", {"use_uvloop": True}


@pytest.fixture
def http() -> Iterator[HttpServer]:
    """An HTTP server of this test's own."""
    with http_server() as server:
        yield server


@pytest.fixture
def dns() -> Iterator[DnsServer]:
    """A DNS server of this test's own."""
    with dns_server() as server:
        yield server
