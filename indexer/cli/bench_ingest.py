"""`indexer bench ingest`: how much this machine takes in, measured from outside.

Starts servers of its own, a relay that plays a frames file over a real WebSocket, and the real `indexer ingest`,
each its own
process, and watches the durable cursor. Nothing is measured inside the process under test but its own metrics.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from array import array
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import asyncpg
from prometheus_client.parser import text_string_to_metric_families

from indexer.errors import FileFormatError, StoreError
from indexer.ops.embedded import ephemeral_servers
from indexer.ops.progress import progress
from indexer.simulation.bulk import simulate_to_file
from indexer.simulation.files import read_frames, sequence_of
from indexer.store.pool import READER_SETTINGS, connect
from indexer.store.sql import load

MILLION = 1_000_000
POLL_SECONDS = 0.025
_TICKS = os.sysconf("SC_CLK_TCK")
COMMAND = [sys.executable, "-c", "import sys; from indexer.cli import main; sys.exit(main())"]


@dataclass(frozen=True)
class Plan:
    """What is to be measured. frames: a frames file, None to simulate `events` events of `accounts` accounts.
    verify: hashes or
    full. rate: events a second that the relay sends, None for as fast as they are taken.
    """

    frames: Path | None
    events: int
    accounts: int
    verify: str
    rate: float | None
    quiet: bool


@dataclass(frozen=True)
class Sample:
    """At `seconds` since the bench began, `events` events were durable and the ingest process held `rss` bytes."""

    seconds: float
    events: int
    rss: int


def run(plan: Plan) -> dict[str, Any]:
    """Measure and return the result, its last item being the samples.

    Raises FileFormatError for a file that is none of frames, StoreError if the ingest process gives up.
    """
    with tempfile.TemporaryDirectory(prefix="indexer-bench-") as directory:
        path = plan.frames
        if path is None:
            path = Path(directory) / "simulated.frames.zst"
            with progress("simulating", plan.events, "events", quiet=plan.quiet) as advance:
                simulate_to_file(path, plan.events, plan.accounts, seed=1, progress=advance)
        sequences = read_sequences(path)
        if not sequences:
            raise FileFormatError(f"{path}: expected frames with sequence numbers, found none")
        with ephemeral_servers() as servers, playing(path, plan.rate) as (relay, address):
            environment = _settings(plan, directory, address, servers.postgres_url, servers.redis_url)
            ingest = subprocess.Popen([*COMMAND, "ingest"], env=environment, stdout=subprocess.DEVNULL)
            try:
                return asyncio.run(
                    _measure(
                        plan,
                        servers.postgres_url,
                        sequences,
                        ingest,
                        relay,
                        environment["INDEXER_METRICS_PORT"],
                    )
                )
            finally:
                ingest.terminate()
                ingest.wait(60)


def read_sequences(path: Path) -> array[int]:
    """Return the sequence numbers of a frames file, in order."""
    sequences = array("q")
    for frames in read_frames(path):
        sequences.extend(sequence_of(frame) for frame in frames)
    return sequences


# --- processes -------------------------------------------------------------------------------------------------------


@contextmanager
def playing(path: Path, rate: float | None, port: int = 0) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A relay that plays a frames file at `rate` events a second (None: as fast as they are taken), with its address.

    Raises FileFormatError where it does not start.
    """
    command = [*COMMAND, "simulate", "--frames", str(path), "--rate", str(rate or 0), "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as relay:
        try:
            assert relay.stdout is not None
            line = relay.stdout.readline()
            if not line:
                raise FileFormatError(f"{path}: the relay that was to play it did not start")
            yield relay, json.loads(line)["url"]
        finally:
            relay.terminate()


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def own_environment(**settings: str) -> dict[str, str]:
    """The environment of a process under test: ours without its INDEXER_ variables, and these settings."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("INDEXER_")}
    return {**own, **settings}


def _settings(plan: Plan, directory: str, address: str, postgres_url: str, redis_url: str) -> dict[str, str]:
    return own_environment(
        INDEXER_STATE_DIR=f"{directory}/state",
        INDEXER_POSTGRES_URL=postgres_url,
        INDEXER_REDIS_URL=redis_url,
        INDEXER_UPSTREAMS=address.replace("http://", "ws://"),
        INDEXER_PLC_URL=address,
        INDEXER_HANDLE_RESOLVER_URL=address,
        INDEXER_ALLOW_PRIVATE_HOSTS="true",
        INDEXER_VERIFY=plan.verify,
        INDEXER_METRICS_PORT=str(free_port()),
        INDEXER_LOG_LEVEL="warning",
    )


# --- measuring -------------------------------------------------------------------------------------------------------


async def _measure(
    plan: Plan,
    url: str,
    sequences: array[int],
    ingest: subprocess.Popen[bytes],
    relay: subprocess.Popen[bytes],
    metrics_port: str,
) -> dict[str, Any]:
    connection = await connect(url, settings={**READER_SETTINGS, "application_name": "indexer bench"})
    try:
        samples = await _watch(plan, connection, sequences, ingest)
        postmaster = _parent(connection.get_server_pid())
        cpu = {"ingest": _cpu(ingest.pid), "postgres": _cpu_of_family(postmaster), "relay": _cpu(relay.pid)}
        p50, p99 = _latencies(metrics_port)
        sizes = await connection.fetchrow(load("bench_sizes"))
    finally:
        await connection.close()
    assert sizes is not None
    first, last = samples[0], samples[-1]
    events, seconds = last.events - first.events, max(last.seconds - first.seconds, 1e-9)
    window = min(MILLION, max(events // 4, 1))
    return {
        "source": str(plan.frames)
        if plan.frames
        else f"{plan.events} simulated events of {plan.accounts} accounts",
        "verify": plan.verify,
        "events": last.events,
        "seconds": round(seconds, 3),
        "events_per_second": round(events / seconds, 1),
        "first_million_per_second": round(_rate(samples, first.events, first.events + window), 1),
        "last_million_per_second": round(_rate(samples, last.events - window, last.events), 1),
        "window_events": window,
        "commit_p50_ms": p50,
        "commit_p99_ms": p99,
        "rss_mb": round(max(sample.rss for sample in samples) / 2**20, 1),
        "rss_mb_half_way": round(samples[len(samples) // 2].rss / 2**20, 1),
        "records": sizes["records"],
        "bytes": sizes["bytes"],
        "bytes_per_record": round(sizes["bytes"] / max(sizes["records"], 1), 1),
        "cpu_seconds": {name: round(value, 2) for name, value in cpu.items()},
        "cpu_microseconds_per_event": {
            name: round(value * 1e6 / last.events, 2) for name, value in cpu.items()
        },
        "samples": [[round(sample.seconds, 3), sample.events] for sample in samples],
    }


async def _watch(
    plan: Plan, connection: asyncpg.Connection[Any], sequences: array[int], ingest: subprocess.Popen[bytes]
) -> list[Sample]:
    """Follow the durable cursor to the end of the file. Throughput counts from the first commit on."""
    began = time.monotonic()
    samples: list[Sample] = []
    with progress("ingesting", len(sequences), "events", quiet=plan.quiet) as advance:
        while not samples or samples[-1].events < len(sequences):
            await asyncio.sleep(POLL_SECONDS)
            if ingest.poll() is not None:
                raise StoreError(f"the ingest process ended with exit code {ingest.returncode}")
            seq = await _cursor(connection)
            if seq is None:
                continue
            events = bisect_right(sequences, seq)
            before = samples[-1].events if samples else 0
            if events > before:
                samples.append(Sample(time.monotonic() - began, events, _rss(ingest.pid)))
                advance(events - before)
    return samples


async def _cursor(connection: asyncpg.Connection[Any]) -> int | None:
    try:
        seq: int | None = await connection.fetchval(load("bench_cursor"))
    except asyncpg.UndefinedTableError:  # not migrated yet
        return None
    return seq


def _rate(samples: list[Sample], start: int, end: int) -> float:
    """Events a second between two counts of events, interpolated."""
    counts = [sample.events for sample in samples]

    def when(events: int) -> float:
        place = min(max(bisect_right(counts, events), 1), len(samples) - 1) if len(samples) > 1 else 0
        if place == 0:
            return samples[0].seconds
        low, high = samples[place - 1], samples[place]
        return low.seconds + (high.seconds - low.seconds) * (events - low.events) / (high.events - low.events)

    return (end - start) / max(when(end) - when(start), 1e-9)


def _latencies(port: str) -> tuple[float | None, float | None]:
    """Return p50 and p99 in ms, from the ingest process' histogram (the upper edge of the bucket that holds them)."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        text = answer.read().decode()
    edges: list[tuple[float, float]] = []
    for family in text_string_to_metric_families(text):
        if family.name == "indexer_frame_to_commit_seconds":
            buckets = [sample for sample in family.samples if sample.name.endswith("_bucket")]
            edges = [(float(sample.labels["le"]), sample.value) for sample in buckets]
    if not edges or not edges[-1][1]:
        return None, None
    total = edges[-1][1]
    found = [next(edge for edge, count in edges if count >= part * total) for part in (0.5, 0.99)]
    return found[0] * 1000, found[1] * 1000


# --- /proc -----------------------------------------------------------------------------------------------------------


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat after the name: state is the first."""
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()


def _parent(pid: int) -> int:
    return int(_stat(pid)[1])


def _cpu(pid: int) -> float:
    """CPU seconds of a process and of its children that ended."""
    return sum(map(int, _stat(pid)[11:15])) / _TICKS


def _cpu_of_family(pid: int) -> float:
    """CPU seconds of a process and of its children."""
    total = _cpu(pid)
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if _parent(int(entry.name)) == pid:
                    total += _cpu(int(entry.name))
            except OSError:
                continue  # it has just ended
    return total


def _rss(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


# --- showing ---------------------------------------------------------------------------------------------------------


def as_text(result: dict[str, Any]) -> str:
    """Return the result as lines for people."""
    per_event = ", ".join(
        f"{name} {value:.1f} us" for name, value in result["cpu_microseconds_per_event"].items()
    )
    megabytes = result["bytes"] / 2**20
    return "".join(
        f"{name:<18} {value}\n"
        for name, value in (
            ("events", f"{result['events']:,} in {result['seconds']:,.1f} s, {result['verify']} checked"),
            ("events/s", f"{result['events_per_second']:,.0f}"),
            (f"first {result['window_events']:,}", f"{result['first_million_per_second']:,.0f} events/s"),
            (f"last {result['window_events']:,}", f"{result['last_million_per_second']:,.0f} events/s"),
            ("CPU per event", per_event),
            ("frame to commit", f"p50 {result['commit_p50_ms']} ms, p99 {result['commit_p99_ms']} ms"),
            ("ingest process", f"{result['rss_mb']:,.0f} MB, {result['rss_mb_half_way']:,.0f} MB half-way"),
            ("records", f"{result['records']:,} in {megabytes:,.1f} MB"),
            ("bytes per record", f"{result['bytes_per_record']:,.0f}"),
        )
    )


def as_svg(result: dict[str, Any]) -> str:
    """Return a chart of durable events a second over time."""
    samples = result["samples"]
    width, height, left, bottom = 800, 320, 70, 40
    steps = max(1, len(samples) // 200)
    points = samples[::steps] if len(samples) > 1 else samples
    rates = [
        (second[0], (second[1] - first[1]) / max(second[0] - first[0], 1e-9))
        for first, second in pairwise(points)
    ]
    if not rates:
        rates = [(0.0, 0.0)]
    end, top = max(rates[-1][0], 1e-9), max(rate for _, rate in rates) or 1.0
    line = " ".join(
        f"{left + (width - left - 20) * at / end:.1f},{height - bottom - (height - bottom - 30) * rate / top:.1f}"
        for at, rate in rates
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"'
        ' font-family="sans-serif" font-size="12">'
        f'<rect width="{width}" height="{height}" fill="white"/>'
        f'<text x="{left}" y="18">durable events per second, mean {result["events_per_second"]:,.0f}</text>'
        f'<text x="4" y="38">{top:,.0f}</text><text x="4" y="{height - bottom}">0</text>'
        f'<text x="{width - 60}" y="{height - 12}">{end:,.0f} s</text>'
        f'<path d="M{left} 30V{height - bottom}H{width - 20}" fill="none" stroke="black"/>'
        f'<polyline points="{line}" fill="none" stroke="steelblue" stroke-width="2"/></svg>\n'
    )
