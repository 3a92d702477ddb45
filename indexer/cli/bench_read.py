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
from pathlib import Path
from typing import Any

import trio
import uvloop

from indexer.app import run_replay
from indexer.cli.bench_figures import (
    Samples,
    count_timelines,
    hit_rates,
    percentile_ms,
    redis_cpu,
    samples,
    timelines,
    total,
    wait_for,
    want_timelines,
)
from indexer.cli.bench_network import (
    SEED,
    Plan,
    copy_database,
    ids_of,
    newest_posts,
    prepare,
    simulate,
    viewers_of,
)
from indexer.cli.bench_processes import COMMAND, free_port, own_environment, playing
from indexer.cli.bench_questions import CONNECTIONS, METHODS, Questions, Sessions
from indexer.config import Settings
from indexer.errors import StoreError
from indexer.ops.embedded import EmbeddedServers, ephemeral_servers
from indexer.ops.progress import progress
from indexer.simulation.population import Population
from indexer.store.migrate import migrate

CACHING_SECONDS = 1.0
"""After so long without another timeline in the cache no more are expected."""

COST_SECONDS = 10.0
"""How long events come at the plan's rate while their CPU is measured."""

COST_ORDER = (False, True, True, False)
"""With cached timelines or without, in this order: what grows slower or faster in the meantime weighs on both alike."""

PATIENCE_SECONDS = 120.0


def run(plan: Plan) -> dict[str, Any]:
    """Measure and return the result. Raises StoreError where a process under test ends or does not get done."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="indexer-bench-")))
        past, live = simulate(plan, directory)
        servers = stack.enter_context(ephemeral_servers())
        population = Population(SEED, plan.accounts)
        asyncio.run(migrate(servers.postgres_url))
        trio.run(run_replay, Settings(postgres_url=servers.postgres_url), past)
        asyncio.run(prepare(servers.postgres_url, plan, population))
        copies = [
            asyncio.run(copy_database(servers.postgres_url, f"cost{turn}"))
            for turn in range(len(COST_ORDER) if plan.cost_events else 0)
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
            **(_ingest_cost(plan, population, servers, copies, live, directory) if plan.cost_events else {}),
        }


def _ingest_cost(
    plan: Plan,
    population: Population,
    servers: EmbeddedServers,
    copies: Sequence[str],
    live: Path,
    directory: Path,
) -> dict[str, Any]:
    """The same events into equal databases, with cached timelines and without, in turns, and nobody who reads: at the
    plan's rate, which says what they take of CPU, and as fast as they go, which says what of events/s.
    """
    found: dict[bool, list[dict[str, Any]]] = {False: [], True: []}
    for database, cached in zip(copies, COST_ORDER, strict=True):
        with Stage(plan, population, servers, database, live, directory) as network:
            if cached:
                network.cache_timelines()
            found[cached].append(
                {"at_rate": network.at_rate(COST_SECONDS), "full_speed": network.full_speed()}
            )
    seconds = {
        cached: sum(1 / turn["full_speed"]["events_per_second"] for turn in turns)
        for cached, turns in found.items()
    }
    return {
        "ingest_without_timelines": found[False],
        "ingest_with_timelines": found[True],
        "ingest_cost_percent": round(100 * (1 - seconds[False] / seconds[True]), 1),
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
        self._viewers = viewers_of(plan, population)
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

    def at_rate(self, seconds: float) -> dict[str, Any]:
        """Events at the plan's rate: what each takes of the ingest process' and of Redis' CPU, in us."""
        self._play(self._plan.rate)
        self._until_it_flows()
        before, redis_before = samples(self._ingest_metrics), redis_cpu(self._redis_url)
        time.sleep(seconds)
        after, redis_after = samples(self._ingest_metrics), redis_cpu(self._redis_url)
        self._play(1.0)

        def grown(name: str) -> float:
            return total(after, name) - total(before, name)

        events = max(1.0, grown("indexer_batch_events_sum"))
        return {
            "ingest_us_per_event": round(1e6 * grown("process_cpu_seconds_total") / events, 1),
            "redis_us_per_event": round(1e6 * (redis_after - redis_before) / events, 1),
            "timeline_items_per_event": round(grown("indexer_cache_items_total") / events, 2),
        }

    def full_speed(self) -> dict[str, Any]:
        """The rest of the events as fast as they are taken, from the receipt of the first to the last commit."""
        cached = count_timelines(self._redis_url)
        before = samples(self._ingest_metrics)
        received = total(before, "indexer_firehose_frames_total")
        done, last = total(before, "indexer_batch_events_sum"), self._plan.cost_events
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
            "cached_timelines": cached,
            "cached_timelines_after": count_timelines(self._redis_url),
            "timeline_items": total(after, "indexer_cache_items_total")
            - total(before, "indexer_cache_items_total"),
        }

    def cache_timelines(self) -> None:
        """Have the timelines of all viewers cached, as they are where sessions were open before. (Some never are: of
        accounts that no event has named yet.)
        """
        wanted = asyncio.run(ids_of(self._database, [viewer.did for viewer in self._viewers]))
        want_timelines(self._redis_url, wanted)
        before, cached = -1, 0
        while before < cached < len(wanted):
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


@contextmanager
def running(command: str, environment: dict[str, str]) -> Iterator[None]:
    """`indexer COMMAND` as a process of its own, ended with the block."""
    process = subprocess.Popen([*COMMAND, command], env=environment, stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait(60)
