"""`indexer bench read`: how fast this machine answers, alone and while events flow in, measured from outside.

Starts servers of its own, a relay that plays a simulated network, the real `indexer ingest` and `indexer api`, each its
own process; reads as the network's accounts do, with their tokens. First every method alone on 1, 8 and 32
connections; then all viewers as open sessions, and as many questions as the machine bears, while the relay sends at
`rate`; at last the same events as fast as they are taken, with the timelines cached and without any.
"""

from __future__ import annotations

import asyncio
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import trio
import uvloop

from indexer.app import run_replay
from indexer.cli.bench_figures import (
    Samples,
    count_timelines,
    hit_rates,
    percentile_ms,
    samples,
    timelines,
    total,
    wait_for,
    want_timelines,
)
from indexer.cli.bench_processes import COMMAND, free_port, own_environment, playing
from indexer.cli.bench_questions import CONNECTIONS, METHODS, POLL_SECONDS, Questions, Sessions
from indexer.config import Settings
from indexer.errors import StoreError
from indexer.firehose.files import FramesReader, FramesWriter
from indexer.ops.embedded import EmbeddedServers, ephemeral_servers
from indexer.ops.progress import progress
from indexer.simulation.bulk import documents_path, simulate_to_file
from indexer.simulation.identity import Identity
from indexer.simulation.keys import K256Key, SigningKey
from indexer.simulation.population import Population
from indexer.store.audit import repair
from indexer.store.migrate import migrate
from indexer.store.pool import READER_SETTINGS, connect
from indexer.store.sql import load

SEED = 1
ACTIVE_EVERY = 6
"""One viewer in so many is an account that also posts and likes, which the simulated ones do every few seconds; the
others only read, so that a session does something once in a minute or so.
"""

CACHING_SECONDS = 1.0
"""After so long without another timeline in the cache no more are expected."""

PATIENCE_SECONDS = 120.0


@dataclass(frozen=True)
class Plan:
    """What is measured. events: of the network's history; accounts; follows: of each viewer, beside those of the
    history; celebrity: more followers of the most popular account, which nobody reads as; live_events: sent while
    sessions read, `rate` a second, and again as fast as they are taken; viewers: accounts that read; seconds: for each
    cell; warming: before each method's first, sessions_warming before sessions are measured; cost: whether to measure
    what timelines cost ingest, which takes more live events than some batches hold.
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
    sessions_warming: float = POLL_SECONDS
    cost: bool = True
    workers: int = 0
    quiet: bool = False


def run(plan: Plan) -> dict[str, Any]:
    """Measure and return the result. Raises StoreError where a process under test ends or does not get done."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="indexer-bench-")))
        past, live = _frames(plan, directory)
        servers = stack.enter_context(ephemeral_servers())
        population = Population(SEED, plan.accounts)
        asyncio.run(migrate(servers.postgres_url))
        trio.run(run_replay, Settings(postgres_url=servers.postgres_url), past)
        asyncio.run(_prepare(servers.postgres_url, plan, population))
        copies = [
            asyncio.run(_copy(servers.postgres_url, name))
            for name in (("without", "with") if plan.cost else ())
        ]
        with Stage(plan, population, servers, servers.postgres_url, live, directory) as network:
            network.cache_timelines()
            methods = uvloop.run(_methods(plan, network.questions))
            sessions, saturated = network.sessions(), network.saturated()
            cached = timelines(servers.redis_url)
        return {
            **methods,
            "sessions": sessions,
            "saturated": saturated,
            "fanout_p50_ms": sessions["fanout_p50_ms"],
            "fanout_p99_ms": sessions["fanout_p99_ms"],
            **cached,
            **(_ingest_cost(plan, population, servers, copies, live, directory) if plan.cost else {}),
        }


def _ingest_cost(
    plan: Plan,
    population: Population,
    servers: EmbeddedServers,
    copies: Sequence[str],
    live: Path,
    directory: Path,
) -> dict[str, Any]:
    """The same events into two equal databases, as fast as they go: events/s with cached timelines and without."""
    rates = []
    for database, cached in zip(copies, (False, True), strict=True):
        with Stage(plan, population, servers, database, live, directory) as network:
            rates.append(network.full_speed(cached=cached))
    without, cached_rate = rates
    return {
        "ingest_without_timelines": without,
        "ingest_with_timelines": cached_rate,
        "ingest_cost_percent": round(
            100 * (1 - cached_rate["events_per_second"] / without["events_per_second"]), 1
        ),
    }


class Stage:
    """The processes under test over one database, for the time of the block."""

    def __init__(
        self,
        plan: Plan,
        population: Population,
        servers: EmbeddedServers,
        database: str,
        live: Path,
        directory: Path,
    ) -> None:
        self._plan = plan
        self._live = live
        self._redis_url = servers.redis_url
        self._stack = ExitStack()
        self._database = database
        self._viewers = _viewers(plan, population)
        self._population = population
        self._relay, self._api = free_port(), free_port()
        self._ingest_metrics, self._api_metrics = free_port(), free_port()
        self._environment = own_environment(
            INDEXER_STATE_DIR=f"{directory}/state",
            INDEXER_POSTGRES_URL=database,
            INDEXER_REDIS_URL=servers.redis_url,
            INDEXER_UPSTREAMS=f"ws://localhost:{self._relay}",
            INDEXER_PLC_URL=f"http://localhost:{self._relay}",
            INDEXER_HANDLE_RESOLVER_URL=f"http://localhost:{self._relay}",
            INDEXER_ALLOW_PRIVATE_HOSTS="true",
            INDEXER_VERIFY="hashes",
            INDEXER_METRICS_PORT=str(self._ingest_metrics),
            INDEXER_API_METRICS_PORT=str(self._api_metrics),
            INDEXER_API_PORT=str(self._api),
            INDEXER_API_WORKERS=str(plan.workers),
            INDEXER_SERVICE_DID=f"did:web:localhost%3A{self._api}",
            INDEXER_LOG_LEVEL="warning",
        )

    def __enter__(self) -> Stage:
        plan = self._plan
        with ExitStack() as stack:
            self._playing = stack.enter_context(ExitStack())
            self._play(1.0)
            stack.enter_context(running("ingest", self._environment))
            stack.enter_context(running("api", self._environment))
            wait_for(self._ingest_metrics, "/metrics")
            wait_for(self._api_metrics, "/metrics")
            wait_for(self._api, "/xrpc/_health")
            self.questions = Questions(
                self._api,
                self._environment["INDEXER_SERVICE_DID"],
                self._viewers,
                [self._population.did(number) for number in range(plan.accounts)],
                asyncio.run(newest_posts(self._database)),
            )
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _play(self, rate: float | None) -> None:
        """Another relay in the place of the last: the stream goes on from the cursor."""
        self._playing.close()
        self._playing.enter_context(playing(self._live, rate, self._relay))

    def sessions(self) -> dict[str, Any]:
        """Half of the events at the plan's rate, with all viewers' sessions open and their timelines cached."""
        self.cache_timelines()
        seconds = self._plan.live_events / 2 / self._plan.rate
        return self._while_events_flow(
            lambda begin: uvloop.run(
                Sessions(self.questions).run(seconds, self._plan.sessions_warming, begin)
            )
        )

    def saturated(self) -> dict[str, Any]:
        """The other half, while as many questions are asked as the machine bears."""
        seconds = self._plan.live_events / 2 / self._plan.rate

        def ask(begin: Callable[[], None]) -> dict[str, Any]:
            begin()
            return {"all": uvloop.run(self.questions.saturated(seconds))}

        return self._while_events_flow(ask)

    def _while_events_flow(self, ask: Callable[[Callable[[], None]], dict[str, Any]]) -> dict[str, Any]:
        """What `ask` gives, which calls the function that it is given when it begins to measure; and what went on."""
        readings: list[tuple[float, Samples, Samples]] = []

        def read() -> None:
            readings.append((time.monotonic(), samples(self._ingest_metrics), samples(self._api_metrics)))

        def begin() -> None:
            self._play(self._plan.rate)
            self._until_it_flows()
            read()

        cells = ask(begin)
        read()
        self._play(1.0)
        (began, before, api_before), (ended, after, api_after) = readings
        seconds = ended - began

        def per_second(name: str) -> float:
            return round((total(after, name) - total(before, name)) / seconds, 1)

        return {
            "asked": cells,
            "events_per_second": per_second("indexer_batch_events_sum"),
            "timeline_items_per_second": per_second("indexer_cache_items_total"),
            "longest_cache_stage_ms": percentile_ms(
                before, after, "indexer_batch_seconds", 1.0, stage="cache"
            ),
            "commit_p99_ms": percentile_ms(before, after, "indexer_frame_to_commit_seconds", 0.99),
            "fanout_p50_ms": percentile_ms(before, after, "indexer_frame_to_cache_seconds", 0.5),
            "fanout_p99_ms": percentile_ms(before, after, "indexer_frame_to_cache_seconds", 0.99),
            "hit_rates": hit_rates(api_before, api_after),
        }

    def _until_it_flows(self) -> None:
        """Wait until the ingest process has the new relay's events."""
        before = total(samples(self._ingest_metrics), "indexer_batch_events_sum")
        end = time.monotonic() + PATIENCE_SECONDS
        while total(samples(self._ingest_metrics), "indexer_batch_events_sum") < before + self._plan.rate / 5:
            if time.monotonic() > end:
                raise StoreError("the ingest process does not follow the relay")
            time.sleep(0.05)

    def full_speed(self, *, cached: bool) -> dict[str, Any]:
        """All events as fast as they are taken, with all viewers' timelines cached, or none."""
        if cached:
            self.cache_timelines()
        before = samples(self._ingest_metrics)
        received = total(before, "indexer_firehose_frames_total")
        done, last = total(before, "indexer_batch_events_sum"), self._plan.live_events
        self._play(None)
        after, began = before, 0.0
        end = time.monotonic() + PATIENCE_SECONDS
        while total(after, "indexer_batch_events_sum") < last:
            if time.monotonic() > end:
                raise StoreError(f"the ingest process did not take {last} events in {PATIENCE_SECONDS:.0f} s")
            time.sleep(0.02)
            after = samples(self._ingest_metrics)
            if not began and total(after, "indexer_firehose_frames_total") > received:
                began = time.monotonic()
        return {
            "events_per_second": round((last - done) / (time.monotonic() - began), 1),
            "cached_timelines": count_timelines(self._redis_url),
            "timeline_items": total(after, "indexer_cache_items_total")
            - total(before, "indexer_cache_items_total"),
        }

    def cache_timelines(self) -> None:
        """Have the timelines of all viewers cached, as they are where sessions were open before. (Some never are: of
        accounts that no event has named yet.)
        """
        viewers = asyncio.run(_ids(self._database, [viewer.did for viewer in self._viewers]))
        want_timelines(self._redis_url, viewers)
        before, cached = -1, 0
        while before < cached < len(viewers):
            time.sleep(CACHING_SECONDS)
            before, cached = cached, count_timelines(self._redis_url)


async def _methods(plan: Plan, questions: Questions) -> dict[str, Any]:
    """Every method alone: name -> connections -> cell."""
    result: dict[str, Any] = {}
    cells = len(METHODS) * len(CONNECTIONS)
    with progress("reading", cells, "cells", quiet=plan.quiet) as advance:
        for name in METHODS:
            result[name] = {}
            for place, connections in enumerate(CONNECTIONS):
                warming = 0.0 if place else plan.warming
                result[name][str(connections)] = await questions.cell(
                    name, connections, plan.seconds, warming
                )
                advance(1)
    return result


# --- the network's data --------------------------------------------------------------------------------------------


def _frames(plan: Plan, directory: Path) -> tuple[Path, Path]:
    """The network's history and what is sent while sessions read, as two files; documents beside the second."""
    whole, past, live = (directory / f"{name}.frames.zst" for name in ("whole", "past", "live"))
    total = plan.events + plan.live_events
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


async def _prepare(url: str, plan: Plan, population: Population) -> None:
    """Let the viewers follow so many of the popular accounts (a young simulation has few follows), and let all
    identities have been looked at, as they have been where a server has run for some time.
    """
    connection = await connect(url)
    identities = [population.identity(number) for number in range(plan.accounts)]
    await connection.execute(
        load("bench_identities"),
        [identity.did for identity in identities],
        [identity.handle for identity in identities],
        [_stored_key(identity.signing_key) for identity in identities],
    )
    viewers = _viewers(plan, population)
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


def _viewers(plan: Plan, population: Population) -> list[Identity]:
    """Who reads."""
    readers = Population(SEED + 1, max(plan.viewers, 2))
    return [
        (readers if number % ACTIVE_EVERY else population).identity(number) for number in range(plan.viewers)
    ]


def _stored_key(key: SigningKey) -> bytes:
    """A public key as `actor.signing_key` holds it."""
    return (b"\1" if isinstance(key, K256Key) else b"\2") + key.public_point(True)


async def _copy(url: str, name: str) -> str:
    """Copy the database, which nobody uses, under another name; its address."""
    parts = urlsplit(url)
    connection = await connect(urlunsplit(parts._replace(path="/template1")))
    await connection.execute(load("bench_copy_database", copy=name, original=parts.path[1:]))
    await connection.close()
    return urlunsplit(parts._replace(path=f"/{name}"))


async def _ids(url: str, dids: list[str]) -> list[int]:
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


@contextmanager
def running(command: str, environment: dict[str, str]) -> Iterator[None]:
    """`indexer COMMAND` as a process of its own, ended with the block."""
    process = subprocess.Popen([*COMMAND, command], env=environment, stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait(60)
