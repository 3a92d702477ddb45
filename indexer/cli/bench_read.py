"""`indexer bench read`: how fast this machine answers, alone and while events flow in, measured from outside.

Starts servers of its own, a relay that plays a simulated network, the real `indexer ingest` and `indexer api`, each its
own process; reads as the network's accounts do, with their tokens. First every method alone on 1, 8 and 32
connections, then sessions that poll, scroll and open things while the relay sends at `rate`.
"""

from __future__ import annotations

import asyncio
import json
import math
import random
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import redis
import trio
import uvloop
from prometheus_client.parser import text_string_to_metric_families

from indexer.app import run_replay
from indexer.cache import keys
from indexer.cli.bench_processes import COMMAND, free_port, own_environment, playing
from indexer.cli.http_load import Load, Question, ask
from indexer.config import Settings
from indexer.errors import StoreError
from indexer.firehose.files import FramesReader, FramesWriter
from indexer.ops.embedded import ephemeral_servers
from indexer.ops.progress import progress
from indexer.simulation.bulk import documents_path, simulate_to_file
from indexer.simulation.population import Population
from indexer.store.migrate import migrate
from indexer.store.pool import READER_SETTINGS, connect
from indexer.store.sql import load

SEED = 1
CONNECTIONS = (1, 8, 32)
METHODS = {
    "getTimeline": "app.bsky.feed.getTimeline",
    "getAuthorFeed": "app.bsky.feed.getAuthorFeed",
    "getPosts": "app.bsky.feed.getPosts",
    "getProfile": "app.bsky.actor.getProfile",
    "getPostThread": "app.bsky.feed.getPostThread",
    "listNotifications": "app.bsky.notification.listNotifications",
}
MIX = {"getTimeline": 70, "getPostThread": 12, "getProfile": 8, "getAuthorFeed": 6, "listNotifications": 4}
"""What open sessions ask, in percent: mostly their timeline."""


@dataclass(frozen=True)
class Plan:
    """What is measured. events: of the network's history; accounts; live_events: sent while sessions read, `rate` a
    second; viewers: accounts that read; seconds: for each cell; warming: before each method's first.
    """

    events: int = 60_000
    accounts: int = 2_000
    live_events: int = 20_000
    rate: float = 500.0
    viewers: int = 200
    seconds: float = 3.0
    warming: float = 1.0
    workers: int = 0
    quiet: bool = False


def run(plan: Plan) -> dict[str, Any]:
    """Measure and return the result. Raises StoreError where a process under test ends."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="indexer-bench-")))
        past, live = _frames(plan, directory)
        servers = stack.enter_context(ephemeral_servers())
        asyncio.run(migrate(servers.postgres_url))
        trio.run(run_replay, Settings(postgres_url=servers.postgres_url), past)
        asyncio.run(_analyze(servers.postgres_url))
        relay_port, api_port, metrics_port = free_port(), free_port(), free_port()
        environment = own_environment(
            INDEXER_STATE_DIR=f"{directory}/state",
            INDEXER_POSTGRES_URL=servers.postgres_url,
            INDEXER_REDIS_URL=servers.redis_url,
            INDEXER_UPSTREAMS=f"ws://localhost:{relay_port}",
            INDEXER_PLC_URL=f"http://localhost:{relay_port}",
            INDEXER_HANDLE_RESOLVER_URL=f"http://localhost:{relay_port}",
            INDEXER_ALLOW_PRIVATE_HOSTS="true",
            INDEXER_VERIFY="hashes",
            INDEXER_METRICS_PORT=str(metrics_port),
            INDEXER_API_PORT=str(api_port),
            INDEXER_API_WORKERS=str(plan.workers),
            INDEXER_SERVICE_DID=f"did:web:localhost%3A{api_port}",
            INDEXER_LOG_LEVEL="warning",
        )
        with playing(live, 1.0, relay_port):
            stack.enter_context(running("ingest", environment))
            stack.enter_context(running("api", environment))
            wait_for_api(api_port)
            population = Population(SEED, plan.accounts)
            bench = Questions(
                api_port,
                environment["INDEXER_SERVICE_DID"],
                [population.identity(number) for number in range(plan.viewers)],
                [population.did(number) for number in range(plan.accounts)],
                asyncio.run(newest_posts(servers.postgres_url)),
            )
            until_cached(bench, servers.redis_url, plan.viewers)
            methods = uvloop.run(bench.methods(plan))
        before = _histograms(metrics_port)
        with playing(live, plan.rate, relay_port):
            sessions = uvloop.run(bench.sessions(plan.live_events / plan.rate))
        after = _histograms(metrics_port)
        return {
            **methods,
            "sessions": sessions,
            "fanout_p99_ms": _percentile(before, after, "indexer_frame_to_cache_seconds", 0.99),
            "ingest_cost_percent": _cost(before, after),
            **_timelines(servers.redis_url),
        }


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


async def _analyze(url: str) -> None:
    connection = await connect(url)
    await connection.execute("ANALYZE")
    await connection.close()


async def newest_posts(url: str) -> list[str]:
    """The AT-URIs of the newest 2,000 posts."""
    connection = await connect(url, settings=READER_SETTINGS)
    try:
        return [row[0] for row in await connection.fetch(load("bench_posts"), 2_000)]
    finally:
        await connection.close()


class Viewer(Protocol):
    """An account in whose name is asked."""

    def token(self, audience: str, method: str, lifetime: int) -> str:
        """A service token for one method."""
        ...


class Questions:
    """The client's side: who asks, and what."""

    def __init__(
        self, port: int, service: str, viewers: Sequence[Viewer], dids: Sequence[str], posts: Sequence[str]
    ) -> None:
        """`service`: the DID of the server at `port`. `dids` and `posts` (AT-URIs): what is asked about."""
        self._port = port
        self._service = service
        self._random = random.Random(7)
        self._viewers = viewers
        self._dids = dids
        self._posts = posts
        self._tokens: dict[str, list[str]] = {}

    def question(self, name: str) -> Question:
        """A source of requests for one method, as one viewer after the other."""
        nsid = METHODS[name]
        if nsid not in self._tokens:
            self._tokens[nsid] = [
                viewer.token(self._service, nsid, lifetime=3600) for viewer in self._viewers
            ]
        tokens, pick = self._tokens[nsid], self._random.choice
        queries: dict[str, Callable[[], str]] = {
            "getTimeline": lambda: "limit=50",
            "getAuthorFeed": lambda: f"limit=50&actor={pick(self._dids)}",
            "getPosts": lambda: "&".join(f"uris={uri}" for uri in self._random.sample(self._posts, 25)),
            "getProfile": lambda: f"actor={pick(self._dids)}",
            "getPostThread": lambda: f"uri={pick(self._posts)}",
            "listNotifications": lambda: "limit=50",
        }
        query = queries[name]
        return lambda: (f"/xrpc/{nsid}?{query()}", pick(tokens))

    async def cell(self, name: str, connections: int, seconds: float, warming: float = 0.0) -> dict[str, Any]:
        """One method alone: {p50_ms, p99_ms, rps, kb, refused}, after `warming` seconds that do not count."""
        question = self.question(name)
        if warming:
            await ask("127.0.0.1", self._port, question, 4, warming)  # as warm as a server in use
        return _cell(await ask("127.0.0.1", self._port, question, connections, seconds))

    async def methods(self, plan: Plan) -> dict[str, Any]:
        """Every method alone: name -> connections -> cell."""
        result: dict[str, Any] = {}
        cells = len(METHODS) * len(CONNECTIONS)
        with progress("reading", cells, "cells", quiet=plan.quiet) as advance:
            for name in METHODS:
                result[name] = {}
                for place, connections in enumerate(CONNECTIONS):
                    warming = 0.0 if place else plan.warming
                    result[name][str(connections)] = await self.cell(name, connections, plan.seconds, warming)
                    advance(1)
        return result

    async def sessions(self, seconds: float) -> dict[str, Any]:
        """Sessions of all viewers at once, as fast as eight connections take them, while events flow in."""
        questions = {name: self.question(name) for name in MIX}
        names, weights = list(MIX), list(MIX.values())

        def question() -> tuple[str, str]:
            return questions[self._random.choices(names, weights)[0]]()

        return _cell(await ask("127.0.0.1", self._port, question, 8, seconds))


def _cell(done: Load) -> dict[str, Any]:
    cell: dict[str, Any] = {
        "p50_ms": done.percentile_ms(0.5),
        "p99_ms": done.percentile_ms(0.99),
        "rps": done.per_second,
        "kb": round(done.bytes / 1024 / max(len(done.latencies), 1), 1),
    }
    if done.refused:
        cell |= {"refused": done.refused, "refusal": done.refusal}
    return cell


# --- processes and their figures -----------------------------------------------------------------------------------


@contextmanager
def running(command: str, environment: dict[str, str]) -> Iterator[None]:
    """`indexer COMMAND` as a process of its own, ended with the block."""
    process = subprocess.Popen([*COMMAND, command], env=environment, stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait(60)


def wait_for_api(port: int) -> None:
    for _ in range(300):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/xrpc/_health", timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise StoreError(f"the API did not answer on port {port} within 30 s")


Buckets = dict[str, dict[float, float]]


def _histograms(port: int) -> Buckets:
    """The ingest process' histograms: name (with stage) -> upper edge -> count, and `sum` under -1."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        text = answer.read().decode()
    found: Buckets = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples if family.type == "histogram" else ():
            name = family.name + sample.labels.get("stage", "")
            if sample.name.endswith("_bucket"):
                found.setdefault(name, {})[float(sample.labels["le"])] = sample.value
            elif sample.name.endswith("_sum"):
                found.setdefault(name, {})[-1.0] = sample.value
    return found


def _percentile(before: Buckets, after: Buckets, name: str, part: float) -> float | None:
    """In ms: the upper edge of the bucket in which the percentile lies."""
    edges = {edge: count - before.get(name, {}).get(edge, 0.0) for edge, count in after.get(name, {}).items()}
    total = edges.get(float("inf"), 0.0)
    if not total:
        return None
    return 1000 * min(edge for edge, count in edges.items() if edge >= 0 and count >= part * total)


def _cost(before: Buckets, after: Buckets) -> float | None:
    """What the cache adds to the time of the write stage, in percent of it: a bound on what it costs ingest."""
    spent = {
        stage: after.get(f"indexer_batch_seconds{stage}", {}).get(-1.0, 0.0)
        - before.get(f"indexer_batch_seconds{stage}", {}).get(-1.0, 0.0)
        for stage in ("cache", "write")
    }
    return round(100 * spent["cache"] / spent["write"], 1) if spent["write"] else None


def _timelines(url: str) -> dict[str, Any]:
    """How many timelines are cached, and the bytes of the largest and its entries."""
    with redis.Redis.from_url(url) as client:
        epoch = client.get(keys.EPOCH)
        if not isinstance(epoch, bytes):
            return {"cached_timelines": 0, "bytes_per_timeline": None}
        names: Iterator[Any] = client.scan_iter(keys.of_epoch(epoch.decode(), "timeline:*"), count=1000)
        sizes = {bytes(name): int(client.zcard(name)) for name in names}
        if not sizes:
            return {"cached_timelines": 0, "bytes_per_timeline": None}
        largest = max(sizes, key=lambda name: sizes[name])
        return {
            "cached_timelines": len(sizes),
            "timeline_entries": sizes[largest],
            "bytes_per_timeline": client.memory_usage(largest),
        }


def until_cached(bench: Questions, redis_url: str, viewers: int) -> None:
    """Read timelines until those of all viewers are cached, as they are where sessions are open; 30 s at most."""
    end = time.monotonic() + 30
    while time.monotonic() < end and _timelines(redis_url)["cached_timelines"] < viewers:
        uvloop.run(bench.cell("getTimeline", 4, 0.5))


def as_text(result: dict[str, Any]) -> str:
    """The result as lines for people."""
    lines = [f"{'method':<20}{'connections':>12}{'p50 ms':>10}{'p99 ms':>10}{'req/s':>10}{'kB':>8}"]
    row = partial("{:<20}{:>12}{:>10}{:>10}{:>10}{:>8}".format)
    for name in METHODS:
        for connections, cell in result[name].items():
            lines.append(row(name, connections, cell["p50_ms"], cell["p99_ms"], cell["rps"], cell["kb"]))
    cell = result["sessions"]
    lines.append(row("sessions, live", "8", cell["p50_ms"], cell["p99_ms"], cell["rps"], cell["kb"]))
    for name in ("fanout_p99_ms", "ingest_cost_percent", "cached_timelines", "bytes_per_timeline"):
        lines.append(f"{name:<20}{json.dumps(result[name]):>12}")
    return "\n".join(lines) + "\n"


def as_svg(result: dict[str, Any]) -> str:
    """A chart of p50 and p99 per method on one connection, on a logarithmic axis from 0.1 ms to 1 s."""
    width, left, row = 720, 160, 34
    height = 60 + row * len(METHODS)

    def x(milliseconds: float) -> float:
        return left + (width - left - 20) * (math.log10(max(milliseconds, 0.1)) + 1) / 4

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        f'<text x="{left}" y="16">p50 (dark) and p99 (light) in ms, one connection</text>',
    ]
    for milliseconds in (0.1, 1, 10, 100, 1000):
        at = x(milliseconds)
        parts.append(
            f'<path d="M{at:.0f} 26V{height - 24}" stroke="#ccc"/>'
            f'<text x="{at:.0f}" y="{height - 8}">{milliseconds:g}</text>'
        )
    for place, name in enumerate(METHODS):
        cell, y = result[name]["1"], 36 + row * place
        for value, colour in ((cell["p99_ms"], "lightsteelblue"), (cell["p50_ms"], "steelblue")):
            parts.append(
                f'<rect x="{left}" y="{y}" width="{x(value) - left:.1f}" height="18" fill="{colour}"/>'
            )
        parts.append(f'<text x="8" y="{y + 14}">{name}</text>')
    return "".join(parts) + "</svg>\n"
