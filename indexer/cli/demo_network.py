"""The simulated network of `indexer demo`: which one it is, its server, and tokens in the names of its accounts."""

from __future__ import annotations

import argparse
import functools
import signal
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import msgspec

from indexer.cli.numbers import whole
from indexer.config import Settings
from indexer.errors import ConfigError

if TYPE_CHECKING:
    import trio

SEED = 1
ACCOUNTS = 300


def add_network_arguments(parser: argparse.ArgumentParser) -> None:
    """The options that say which simulated network is meant."""
    parser.add_argument(
        "--accounts", type=whole(2), default=ACCOUNTS, help=f"accounts of the simulated network ({ACCOUNTS})"
    )
    parser.add_argument("--seed", type=whole(0), default=SEED, help=f"what the network follows from ({SEED})")


def serve_network(arguments: argparse.Namespace) -> None:
    """Serve the demonstration's network until SIGTERM or SIGINT, and print where."""
    import trio

    from indexer.simulation.demo import run_demo_network, run_live_network

    rate = 30.0 if arguments.rate is None else arguments.rate or None
    run = run_demo_network if arguments.history else run_live_network

    async def start(nursery: trio.Nursery) -> int:
        running = await nursery.start(run, arguments.seed, arguments.accounts, rate, arguments.port)
        return int(running.port)

    trio.run(_until_stopped, start)


def serve_frames(arguments: argparse.Namespace) -> None:
    """Serve a frames file as a firehose until SIGTERM or SIGINT. Raises ConfigError if the file is missing."""
    import trio

    from indexer.ops.garbage import collect_seldom
    from indexer.simulation.bulk import documents_path
    from indexer.simulation.demo import serve_file

    documents = arguments.docs or documents_path(arguments.frames)
    for path in (arguments.frames, arguments.docs):
        if path is not None and not path.is_file():
            raise ConfigError(f"expected a file, got {path}")
    if not documents.is_file():
        documents = None

    async def start(nursery: trio.Nursery) -> int:
        serve = functools.partial(serve_file, rate=arguments.rate or None)
        port = int(await nursery.start(serve, arguments.frames, documents, arguments.port))
        collect_seldom()
        return port

    trio.run(_until_stopped, start)


async def _until_stopped(start: Callable[[trio.Nursery], Awaitable[int]]) -> None:
    """Start a server, print where it is (one JSON line), and end it with the first signal."""
    import trio

    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async with trio.open_nursery() as nursery:
            port = await start(nursery)
            ready = {"ready": True, "url": f"http://localhost:{port}", "firehose": f"ws://localhost:{port}"}
            print(msgspec.json.encode(ready).decode(), flush=True)
            await anext(signals)
            nursery.cancel_scope.cancel()


def write_frames(arguments: argparse.Namespace) -> None:
    """Write a simulated stream and its DID documents, and print what was written. Raises ConfigError if it cannot."""
    from indexer.ops.progress import progress
    from indexer.simulation.bulk import documents_path, simulate_to_file

    began = time.monotonic()
    try:
        with progress("simulating", arguments.events, "events", quiet=arguments.json) as advance:
            result = simulate_to_file(
                arguments.write,
                arguments.events,
                arguments.accounts,
                arguments.seed,
                workers=arguments.workers,
                records_limit=arguments.records_limit,
                progress=advance,
            )
    except (ConfigError, OSError) as error:
        raise ConfigError(f"--write {arguments.write}: {error}") from error
    seconds = time.monotonic() - began
    summary = {
        **result._asdict(),
        "file": str(arguments.write),
        "docs": str(documents_path(arguments.write)),
        "seconds": round(seconds, 3),
        "events_per_second": round(result.frames / seconds),
    }
    print(msgspec.json.encode(summary).decode(), flush=True)


def token(settings: Settings, handle: str, method: str, accounts: int, seed: int) -> str:
    """Return a service token in the name of an account of the simulated network. Raises ConfigError if unknown."""
    from indexer.simulation.population import Population

    population = Population(seed, accounts)
    number = population.number_of_handle(handle)
    if number is None:
        raise ConfigError(
            f"expected the handle of one of {accounts} simulated accounts, such as {population.handle(0)}; got {handle}"
        )
    return population.identity(number).token(settings.effective_service_did, method, lifetime=3600)
