"""`indexer bench ingest`: how much this machine takes in, measured from outside.

Starts servers of its own, a relay that plays a frames file over a real WebSocket, and the real `indexer ingest`, each
its own process, and watches the durable cursor. What goes on inside the process under test, its own metrics say.
"""

from __future__ import annotations

import asyncio
import subprocess
import tempfile
import time
import urllib.request
from array import array
from bisect import bisect_right
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
from prometheus_client.parser import text_string_to_metric_families

from indexer.cli.bench_processes import (
    COMMAND,
    cpu_of,
    cpu_of_family,
    free_port,
    own_environment,
    parent_of,
    playing,
    rss_of,
)
from indexer.errors import FileFormatError, StoreError
from indexer.ops.embedded import ephemeral_servers
from indexer.ops.progress import progress
from indexer.simulation.bulk import documents_path, simulate_to_file
from indexer.simulation.files import read_sequence_numbers
from indexer.store.pool import READER_SETTINGS, connect
from indexer.store.sql import load

MILLION = 1_000_000
POLL_SECONDS = 0.025
UNPACKED_BYTES = 1 << 30
"""Compressed files up to this size are played decompressed."""

Metrics = dict[str, list[tuple[dict[str, str], float]]]
"""Sample name -> (labels, value) of each."""


@dataclass(frozen=True)
class Plan:
    """What is to be measured.

    frames: a frames file, None to simulate `events` events of `accounts` accounts first. documents: the DID documents
    of `frames`, None for those beside it. verify: hashes or full. rate: events a second that the relay sends, None for
    as fast as they are taken.
    """

    frames: Path | None
    events: int
    accounts: int
    verify: str
    rate: float | None
    quiet: bool
    documents: Path | None = None


@dataclass(frozen=True)
class Sample:
    """At `seconds` since the bench began, `events` events were durable and the ingest process held `rss` bytes."""

    seconds: float
    events: int
    rss: int


class Usage:
    """CPU seconds of the processes from now on."""

    def __init__(self, ingest: int, relay: int, postmaster: int) -> None:
        self._pids = (ingest, relay, postmaster)
        self._before = self._now()

    def _now(self) -> dict[str, float]:
        ingest, relay, postmaster = self._pids
        return {"ingest": cpu_of(ingest), "postgres": cpu_of_family(postmaster), "relay": cpu_of(relay)}

    def seconds(self) -> dict[str, float]:
        return {name: value - self._before[name] for name, value in self._now().items()}


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
        beside = documents_path(path)
        documents = plan.documents or (beside if beside.is_file() else None)
        sequences, path = _read_through(path, Path(directory))
        with (
            ephemeral_servers() as servers,
            playing(path, plan.rate, documents=documents) as (relay, address),
        ):
            port = str(free_port())
            environment = own_environment(
                INDEXER_STATE_DIR=f"{directory}/state",
                INDEXER_POSTGRES_URL=servers.postgres_url,
                INDEXER_REDIS_URL=servers.redis_url,
                INDEXER_UPSTREAMS=address.replace("http://", "ws://"),
                INDEXER_PLC_URL=address,
                INDEXER_HANDLE_RESOLVER_URL=address,
                INDEXER_ALLOW_PRIVATE_HOSTS="true",
                INDEXER_VERIFY=plan.verify,
                INDEXER_METRICS_PORT=port,
                INDEXER_LOG_LEVEL="warning",
            )
            ingest = subprocess.Popen([*COMMAND, "ingest"], env=environment, stdout=subprocess.DEVNULL)
            try:
                return asyncio.run(_measure(plan, servers.postgres_url, sequences, ingest, relay, port))
            finally:
                ingest.terminate()
                ingest.wait(60)


def _read_through(path: Path, directory: Path) -> tuple[array[int], Path]:
    """The frames' sequence numbers, and the file to play: decompressed if it is not too large, so that the relay, which
    shares the cores with what is measured, has nothing to do but to send.
    """
    try:
        if path.suffix != ".zst" or path.stat().st_size > UNPACKED_BYTES:
            sequences = read_sequence_numbers(path)
        else:
            with (directory / "unpacked.frames").open("wb") as copy:
                sequences = read_sequence_numbers(path, copy)
            path = directory / "unpacked.frames"
    except ValueError as error:
        raise FileFormatError(str(error)) from None
    if not sequences:
        raise FileFormatError(f"{path}: expected frames with sequence numbers, found none")
    return sequences, path


# --- measuring -------------------------------------------------------------------------------------------------------


async def _measure(
    plan: Plan,
    url: str,
    sequences: array[int],
    ingest: subprocess.Popen[bytes],
    relay: subprocess.Popen[bytes],
    port: str,
) -> dict[str, Any]:
    connection = await connect(url, settings={**READER_SETTINGS, "application_name": "indexer bench"})
    try:
        samples, usage = await _watch(plan, connection, sequences, ingest, relay)
        cpu = usage.seconds()
        metrics = _scrape(port)
        stages = _by_stage(metrics, "indexer_stage_cpu_seconds")
        # threads that verify signatures beside the one that waits for them, and what no stage counts
        stages["other"] = round(max(0.0, cpu["ingest"] - sum(stages.values())), 3)
        sizes = await connection.fetchrow(load("bench_sizes"))
    finally:
        await connection.close()
    assert sizes is not None
    first, last = samples[0], samples[-1]
    events, seconds = last.events - first.events, last.seconds - first.seconds
    if not events:  # one batch held them all: from the receipt of its first frame to its commit
        events, seconds = last.events, _value(metrics, "indexer_frame_to_commit_seconds_sum")
        samples.insert(0, Sample(last.seconds - seconds, 0, last.rss))
        first = samples[0]
    window = min(MILLION, max(events // 4, 1))
    name = plan.frames or f"{plan.events} simulated events of {plan.accounts} accounts"
    return {
        "source": str(name),
        "verify": plan.verify,
        "rate": plan.rate,
        "events": last.events,
        "seconds": round(seconds, 3),
        "events_per_second": round(events / seconds, 1),
        "first_million_per_second": round(_rate(samples, first.events, first.events + window), 1),
        "last_million_per_second": round(_rate(samples, last.events - window, last.events), 1),
        "window_events": window,
        "batches": int(_value(metrics, "indexer_frame_to_commit_seconds_count")),
        "commit_p50_ms": _quantile(metrics, "indexer_frame_to_commit_seconds", 0.5),
        "commit_p99_ms": _quantile(metrics, "indexer_frame_to_commit_seconds", 0.99),
        "rss_mb": round(max(sample.rss for sample in samples) / 2**20, 1),
        "rss_mb_half_way": round(samples[len(samples) // 2].rss / 2**20, 1),
        "records": sizes["records"],
        "bytes": sizes["bytes"],
        "bytes_per_record": round(sizes["bytes"] / max(sizes["records"], 1), 1),
        "dropped": {
            labels["reason"]: int(value) for labels, value in metrics.get("indexer_dropped_total", [])
        },
        "cpu_seconds": {name: round(value, 2) for name, value in cpu.items()},
        "cpu_microseconds_per_event": {
            name: round(value * 1e6 / last.events, 2) for name, value in cpu.items()
        },
        "stage_cpu_seconds": stages,
        "stage_seconds": _by_stage(metrics, "indexer_batch_seconds_sum"),
        "samples": [[round(sample.seconds, 3), sample.events, sample.rss] for sample in samples],
    }


async def _watch(
    plan: Plan,
    connection: asyncpg.Connection[Any],
    sequences: array[int],
    ingest: subprocess.Popen[bytes],
    relay: subprocess.Popen[bytes],
) -> tuple[list[Sample], Usage]:
    """Follow the durable cursor to the end of the file.

    Events a second count from the first commit on, CPU from when the schema is there: just before the first frame.
    """
    began = time.monotonic()
    postmaster = parent_of(connection.get_server_pid())
    samples: list[Sample] = []
    usage: Usage | None = None
    with progress("ingesting", len(sequences), "events", quiet=plan.quiet) as advance:
        while usage is None or not samples or samples[-1].events < len(sequences):
            await asyncio.sleep(POLL_SECONDS)
            if ingest.poll() is not None:
                raise StoreError(f"the ingest process ended with exit code {ingest.returncode}")
            try:
                seq: int | None = await connection.fetchval(load("bench_cursor"))
            except asyncpg.UndefinedTableError:  # not migrated yet
                continue
            usage = usage or Usage(ingest.pid, relay.pid, postmaster)
            events = bisect_right(sequences, seq or 0)
            before = samples[-1].events if samples else 0
            if events > before:
                samples.append(Sample(time.monotonic() - began, events, rss_of(ingest.pid)))
                advance(events - before)
    return samples, usage


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


# --- the process' own metrics ----------------------------------------------------------------------------------------


def _scrape(port: str) -> Metrics:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        text = answer.read().decode()
    found: Metrics = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


def _value(metrics: Metrics, name: str) -> float:
    return sum(value for _, value in metrics.get(name, []))


def _by_stage(metrics: Metrics, name: str) -> dict[str, float]:
    return {labels["stage"]: round(value, 3) for labels, value in metrics.get(name, [])}


def _quantile(metrics: Metrics, histogram: str, part: float) -> float | None:
    """A quantile in ms, interpolated within its bucket (a tenth wide); None where nothing was observed."""
    buckets = [(float(labels["le"]), value) for labels, value in metrics.get(f"{histogram}_bucket", [])]
    if not buckets or not buckets[-1][1]:
        return None
    wanted = part * buckets[-1][1]
    lower, below = 0.0, 0.0
    for edge, count in buckets:
        if count >= wanted:
            if edge == float("inf"):
                return round(lower * 1000, 1)
            return round((lower + (edge - lower) * (wanted - below) / (count - below)) * 1000, 1)
        lower, below = edge, count
    raise AssertionError


# --- showing ---------------------------------------------------------------------------------------------------------


def as_text(result: dict[str, Any]) -> str:
    """Return the result as lines for people."""
    per_event = ", ".join(
        f"{name} {value:.1f} us" for name, value in result["cpu_microseconds_per_event"].items()
    )
    per_stage = ", ".join(
        f"{name} {value * 1e6 / result['events']:.1f} us"
        for name, value in result["stage_cpu_seconds"].items()
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
            ("  of the ingest", per_stage),
            (
                "frame to commit",
                f"p50 {result['commit_p50_ms']} ms, p99 {result['commit_p99_ms']} ms of {result['batches']:,} batches",
            ),
            ("ingest process", f"{result['rss_mb']:,.0f} MB, {result['rss_mb_half_way']:,.0f} MB half-way"),
            ("records", f"{result['records']:,} in {megabytes:,.1f} MB"),
            ("bytes per record", f"{result['bytes_per_record']:,.0f}"),
        )
    )
