"""`indexer demo`: the whole daemon on a small simulated network, with commands to try.

Everything lives in a temporary directory and is gone afterwards. The network is the simulation's, everything that
follows it is the real program.
"""

from __future__ import annotations

import os
import shlex
import sys
import tempfile
from pathlib import Path

import msgspec
import trio

from indexer.cli import daemon
from indexer.cli.demo_network import ACCOUNTS, SEED
from indexer.config import Loaded, Settings
from indexer.errors import ConfigError
from indexer.simulation.population import Population

_OWN = ("postgres_url", "redis_url", "upstreams", "plc_url", "handle_resolver_url")
_CATCH_UP_SECONDS = 60


def run(loaded: Loaded, rate: float) -> int:
    """Run the demonstration until a signal ends it; returns the exit code.

    Raises ConfigError for a setting that the demonstration brings itself.
    """
    for name in _OWN:
        if loaded.sources[name] != "default":
            raise ConfigError(
                f"{name}: expected unset, because the demo brings its own - from {loaded.sources[name]}"
            )
    given_state = loaded.settings.state_dir if loaded.sources["state_dir"] != "default" else None
    if given_state is not None:
        Path(given_state).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="indexer-demo-", dir=given_state) as directory:
        os.chmod(directory, 0o711)  # as root, Postgres runs as somebody else, who must be able to enter
        port = daemon.free_port("127.0.0.1")
        settings = msgspec.structs.replace(
            loaded.settings,
            state_dir=directory,
            upstreams=(f"ws://localhost:{port}",),
            plc_url=f"http://localhost:{port}",
            handle_resolver_url=f"http://localhost:{port}",
            allow_private_hosts=True,
            start_at="oldest",
            api_metrics_port=loaded.settings.api_metrics_port
            or daemon.free_port(loaded.settings.metrics_host),
        )
        network = daemon.worker(
            "network",
            ["simulate", "--port", str(port), "--rate", str(rate)],
            settings,
            daemon.answers(f"http://localhost:{port}/xrpc/com.atproto.sync.listRepos?limit=1"),
        )
        return daemon.run(Loaded(settings, loaded.sources), first=[network], announce=_announce)


async def _announce(settings: Settings) -> None:
    """Print where the API answers, and what to try once the accounts are there to be asked for."""
    url, handle = settings.effective_public_url, Population(SEED, ACCOUNTS).handle(0)
    profile = f"{url}/xrpc/app.bsky.actor.getProfile?actor={handle}"
    is_there = daemon.answers(profile)
    await daemon.announce_api(settings)
    with trio.move_on_after(_CATCH_UP_SECONDS):
        while not await is_there():  # noqa: ASYNC110 (another process: there is no event to wait for)
            await trio.sleep(0.2)
    service = (
        "" if settings.api_port == Settings().api_port else f" --service-did {settings.effective_service_did}"
    )
    program = [sys.executable, "-m", "indexer"] if sys.argv[0].endswith("__main__.py") else [sys.argv[0]]
    command = shlex.join([*program, "token", "--as", handle]) + service
    print(
        f"It follows a simulated network of {ACCOUNTS} accounts; Ctrl-C ends everything. Try:\n"
        f"  curl '{profile}'\n"
        f"  curl '{url}/xrpc/app.bsky.feed.getAuthorFeed?actor={handle}&limit=5'\n"
        f"  curl -H \"Authorization: Bearer $({command})\" '{url}/xrpc/app.bsky.feed.getTimeline?limit=10'",
        flush=True,
    )
