"""`indexer up`: the servers, the schema, the ingest process and the API, run as one daemon.

The processes get their settings as INDEXER_* variables. Knows which processes there are and when they serve; what
they do is theirs.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Awaitable, Callable, Sequence

import httpx
import msgspec
import structlog
import trio

from indexer.cli.exit_codes import BAD_DATA, BUG, FAILURE, USAGE
from indexer.cli.servers import migrate_schema, owned_servers
from indexer.config import PREFIX, Loaded, Settings, to_environment
from indexer.errors import ConfigError
from indexer.ops.health import reachable
from indexer.ops.supervisor import Worker, supervise

_FATAL = frozenset({FAILURE, USAGE, BAD_DATA, BUG})
"""Ends of a process that another attempt would only repeat; unreachable servers (69) and kills are tried again."""

_log = structlog.get_logger("indexer.up")


def run(
    loaded: Loaded, *, first: Sequence[Worker] = (), announce: Callable[[Settings], Awaitable[None]]
) -> int:
    """Run the daemon until a signal ends it; returns the exit code.

    `first` are workers that must serve before the others start; `announce` is called once, when the API answers.
    """
    settings = _with_ports(loaded)
    with owned_servers(settings) as (complete, check):
        migrate_schema(complete)
        workers = [_ingest(complete), _api(complete)]

        async def on_ready() -> None:
            await announce(complete)

        return trio.run(lambda: supervise(workers, first=first, on_ready=on_ready, check=check))


def worker(
    name: str, arguments: Sequence[str], settings: Settings, is_ready: Callable[[], Awaitable[bool]]
) -> Worker:
    """Return a worker that runs one of our own commands with these settings."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    return Worker(
        name,
        # -P: the installed package, not a checkout that happens to be the working directory and may lack its binaries.
        [sys.executable, "-P", "-m", "indexer", *arguments],
        {**environment, **to_environment(settings)},
        is_ready,
        _FATAL,
    )


def answers(url: str) -> Callable[[], Awaitable[bool]]:
    """Return a question for supervisors: does `url` answer 200?"""

    async def ask() -> bool:
        try:
            async with httpx.AsyncClient(timeout=5, trust_env=False) as client:
                return (await client.get(url)).status_code == 200
        except httpx.TransportError:
            return False

    return ask


async def announce_api(settings: Settings) -> None:
    """Print where the API answers, and where to see how it does."""
    print(
        f"indexer serves {settings.effective_public_url} as {settings.effective_service_did}\n"
        f"dashboard: http://{reachable(settings.metrics_host)}:{settings.metrics_port}/",
        flush=True,
    )


def _ingest(settings: Settings) -> Worker:
    url = f"http://{reachable(settings.metrics_host)}:{settings.metrics_port}/health/live"
    return worker("ingest", ["ingest"], settings, answers(url))


def _api(settings: Settings) -> Worker:
    url = f"http://{reachable(settings.api_host)}:{settings.api_port}/xrpc/_health"
    return worker("api", ["api"], settings, answers(url))


def _with_ports(loaded: Loaded) -> Settings:
    """Return the settings with ports that are free: another one for 0, and for a default port that is taken."""
    settings = loaded.settings
    ports = {}
    for name, host in (("api_port", settings.api_host), ("metrics_port", settings.metrics_host)):
        wanted = getattr(settings, name)
        if not _is_free(host, wanted):
            if loaded.sources[name] != "default":
                raise ConfigError(
                    f"{name}: expected a free port, got {wanted}, which is taken - from {loaded.sources[name]}"
                )
            _log.warning("the usual port is taken, using another", setting=name, usual=wanted)
            wanted = 0
        ports[name] = wanted or free_port(host)
    return msgspec.structs.replace(settings, **ports)


def _is_free(host: str, port: int) -> bool:
    with _listener(host) as listener:
        try:
            listener.bind((host, port))
        except OSError:
            return False
        return True


def free_port(host: str) -> int:
    """Return a port of `host` that nobody listens on."""
    with _listener(host) as listener:
        listener.bind((host, 0))
        return int(listener.getsockname()[1])


def _listener(host: str) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return listener
