"""The network that `indexer bench read` reads: its history, what is sent while it is read, and who reads.

Owns how the database under test comes to its rows. What is asked of it is the business of `bench_read`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from indexer.cli.bench_questions import POLL_SECONDS
from indexer.firehose.files import FramesReader, FramesWriter
from indexer.ops.progress import progress
from indexer.simulation.bulk import documents_path, simulate_to_file
from indexer.simulation.identity import Identity
from indexer.simulation.keys import K256Key, SigningKey
from indexer.simulation.population import Population
from indexer.store.audit import repair
from indexer.store.pool import READER_SETTINGS, connect
from indexer.store.sql import load

SEED = 1
ACTIVE_EVERY = 6
"""One viewer in so many is an account that also posts and likes, which the simulated ones do every few seconds; the
others only read, so that a session does something once in a minute or so.
"""


@dataclass(frozen=True)
class Plan:
    """What is measured. events: of the network's history; accounts; follows: of each viewer, beside those of the
    history; celebrity: more followers of the most popular account, which nobody reads as; live_events: sent while
    sessions read, `rate` a second, and again as fast as they are taken; viewers: accounts that read; seconds: for each
    cell; warming: before each method's first, sessions_warming before sessions are measured; cost_events:
    with which it is measured what timelines cost ingest, more than some batches hold (0: it is not measured).
    """

    events: int = 60_000
    accounts: int = 2_000
    follows: int = 20
    celebrity: int = 0
    live_events: int = 20_000
    rate: float = 500.0
    viewers: int = 200
    seconds: float = 3.0
    warming: float = 1.0
    sessions_warming: float = 3 * POLL_SECONDS
    cost_events: int = 280_000
    workers: int = 0
    quiet: bool = False


def simulate(plan: Plan, directory: Path) -> tuple[Path, Path]:
    """The network's history and what is sent afterwards, as two files; documents beside the second."""
    whole, past, live = (directory / f"{name}.frames.zst" for name in ("whole", "past", "live"))
    total = plan.events + max(plan.live_events, plan.cost_events)
    with progress("simulating", total, "events", quiet=plan.quiet) as advance:
        simulate_to_file(whole, total, plan.accounts, seed=SEED, progress=advance)
    documents_path(whole).rename(documents_path(live))
    with FramesReader(whole) as reader, FramesWriter(past) as first, FramesWriter(live) as second:
        seen = 0
        for frames in reader.batches(4096, 16 << 20):
            cut = max(0, min(len(frames), plan.events - seen))
            first.write(frames[:cut])
            second.write(frames[cut:])
            seen += len(frames)
    whole.unlink()
    return past, live


async def prepare(url: str, plan: Plan, population: Population) -> None:
    """Add the viewers that only read, let all of them follow so many of the popular accounts (a young simulation has
    few follows), and let all identities have been looked at, as they have been where a server has run for some time.
    """
    connection = await connect(url)
    identities = [population.identity(number) for number in range(plan.accounts)]
    await connection.execute(
        load("bench_identities"),
        [identity.did for identity in identities],
        [identity.handle for identity in identities],
        [_stored_key(identity.signing_key) for identity in identities],
    )
    viewers = viewers_of(plan, population)
    readers = [viewer for number, viewer in enumerate(viewers) if number % ACTIVE_EVERY]
    await connection.execute(
        load("bench_readers"),
        [reader.did for reader in readers],
        [_stored_key(reader.signing_key) for reader in readers],
    )
    await connection.execute("SELECT setseed(0.5)")
    await connection.execute(
        load("bench_follows"),
        [viewer.did for viewer in viewers],
        [population.did(number) for number in range(plan.accounts)],
        plan.follows,
    )
    if plan.celebrity:
        await connection.execute(load("bench_celebrity"), population.did(0), plan.celebrity)
    await connection.close()
    await repair(url)
    connection = await connect(url)
    await connection.execute("VACUUM ANALYZE")
    await connection.close()


def viewers_of(plan: Plan, population: Population) -> list[Identity]:
    """Who reads: accounts of the simulation, and others that it does not know."""
    readers = Population(SEED + 1, max(plan.viewers, 2))
    return [
        (readers if number % ACTIVE_EVERY else population).identity(number) for number in range(plan.viewers)
    ]


def _stored_key(key: SigningKey) -> bytes:
    """A public key as `actor.signing_key` holds it."""
    return (b"\1" if isinstance(key, K256Key) else b"\2") + key.public_point(True)


async def copy_database(url: str, name: str) -> str:
    """Copy the database, which nobody uses, under another name; its address."""
    parts = urlsplit(url)
    connection = await connect(urlunsplit(parts._replace(path="/template1")))
    await connection.execute(load("bench_copy_database", copy=name, original=parts.path[1:]))
    await connection.close()
    return urlunsplit(parts._replace(path=f"/{name}"))


async def ids_of(url: str, dids: list[str]) -> list[int]:
    """The ids of accounts, in any order."""
    connection = await connect(url, settings=READER_SETTINGS)
    try:
        return [row[0] for row in await connection.fetch(load("bench_accounts"), dids)]
    finally:
        await connection.close()


async def newest_posts(url: str) -> list[str]:
    """The AT-URIs of the newest 2,000 posts."""
    connection = await connect(url, settings=READER_SETTINGS)
    try:
        return [row[0] for row in await connection.fetch(load("bench_posts"), 2_000)]
    finally:
        await connection.close()
