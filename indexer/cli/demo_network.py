"""The simulated network of `indexer demo`: which one it is, its server, and tokens in the names of its accounts."""

from __future__ import annotations

import argparse

from indexer.config import Settings
from indexer.errors import ConfigError

SEED = 1
ACCOUNTS = 300


def add_network_arguments(parser: argparse.ArgumentParser) -> None:
    """The options that say which simulated network is meant."""
    parser.add_argument(
        "--accounts", type=int, default=ACCOUNTS, help=f"accounts of the simulated network ({ACCOUNTS})"
    )
    parser.add_argument("--seed", type=int, default=SEED, help=f"what the network follows from ({SEED})")


async def serve_network(port: int, rate: float, accounts: int, seed: int) -> None:
    """Serve the demonstration's network until cancelled, and print where."""
    import msgspec
    import trio

    from indexer.simulation.demo import run_demo_network

    async with trio.open_nursery() as nursery:
        running = await nursery.start(run_demo_network, seed, accounts, rate, port)
        print(
            msgspec.json.encode(
                {"ready": True, "url": running.url, "firehose": running.firehose_url}
            ).decode(),
            flush=True,
        )


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
