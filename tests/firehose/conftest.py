"""What the firehose tests share: both receive paths, ws and wss, a certificate made for the run."""

from __future__ import annotations

import datetime
import ssl
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from indexer.firehose import FirehoseOptions


@dataclass(frozen=True)
class Transport:
    """One of the ways to receive: options for the client, and the server's side of TLS (None: ws)."""

    options: FirehoseOptions
    server_context: ssl.SSLContext | None


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for localhost with its key, in one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "localhost.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return path


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
