"""What the firehose tests share: both receive paths, ws and wss, a certificate made for the run."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks._certificate import write_certificate
from indexer.firehose import FirehoseOptions


@dataclass(frozen=True)
class Transport:
    """One of the ways to receive: options for the client, and the server's side of TLS (None: ws)."""

    options: FirehoseOptions
    server_context: ssl.SSLContext | None


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The key and certificate of localhost, and the authority that issued it, in one PEM file."""
    return write_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def server_context(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@pytest.fixture(params=["fast-ws", "fast-wss", "plain-ws", "plain-wss"])
def transport(request: pytest.FixtureRequest, certificate: Path, server_context: ssl.SSLContext) -> Transport:
    path, scheme = request.param.split("-")
    options = FirehoseOptions(
        fast_path=path == "fast",
        backoff_base=0.01,
        backoff_max=0.05,
        close_timeout=0.1,
        connect_timeout=2.0,
        ssl_context=ssl.create_default_context(cafile=str(certificate)),
    )
    return Transport(options, server_context if scheme == "wss" else None)
