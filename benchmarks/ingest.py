"""The whole way from a relay's socket to durable rows and counts, against the targets for it.

    python -m benchmarks.ingest [--events N] [--accounts N] [--frames FILE] [--only NAME ...] [--json]

Runs `indexer bench ingest` (own servers, a relay playing a file over a real WebSocket, the real ingest process) for:
load.frames
(if the shared vectors are there), a simulation with hashes checked, the same with signatures and proofs, and one at
2,000 events a
second for latency. `--events 10000000` is what the targets mean; the default is a tenth of a million for a first look.

What the comparison favours: everything runs on one machine, so the relay takes its share of the cores that are
measured.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

from benchmarks._report import SHARED_VECTORS, Ratio, machine, print_json, print_ratios
from indexer.cli.bench_ingest import Plan, as_text, run
from indexer.simulation.bulk import simulate_to_file

LOAD_FRAMES = SHARED_VECTORS / "pds-frames" / "load.frames.zst"
RUNS = ("load", "hashes", "full", "latency")


def main() -> None:
    """Measure, print, compare."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--accounts", type=int, default=20_000)
    parser.add_argument("--frames", type=Path, help="a file to play instead of a simulation")
    parser.add_argument("--only", nargs="+", choices=RUNS, default=list(RUNS))
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        results = _measure(arguments, Path(directory))
    ratios = _ratios(results)
    for result in results.values():
        result.pop("samples")
    if arguments.json:
        print_json(ratios, {"runs": results})
        return
    print(machine())
    for name, result in results.items():
        print(f"\n{name}: {result['source']}\n{as_text(result)}")
    print_ratios(ratios)


def _measure(arguments: argparse.Namespace, directory: Path) -> dict[str, dict[str, Any]]:
    frames = arguments.frames
    if frames is None and set(arguments.only) & {"hashes", "full", "latency"}:
        frames = directory / "simulated.frames.zst"
        simulate_to_file(frames, arguments.events, arguments.accounts, seed=1)
    plans = {
        "load": (LOAD_FRAMES, "hashes", None),
        "hashes": (frames, "hashes", None),
        "full": (frames, "full", None),
        "latency": (frames, "hashes", 2000.0),
    }
    results = {}
    for name in arguments.only:
        path, verify, rate = plans[name]
        if path is None or not path.is_file():
            continue  # the shared vectors are not there
        results[name] = run(Plan(path, arguments.events, arguments.accounts, verify, rate, quiet=True))
    return results


def _ratios(results: dict[str, dict[str, Any]]) -> list[Ratio]:
    def value(run_name: str, field: str) -> float | None:
        found = results.get(run_name, {}).get(field)
        return None if found is None else float(found)

    first, last = value("hashes", "first_million_per_second"), value("hashes", "last_million_per_second")
    return [
        Ratio("load_events_per_second", value("load", "events_per_second"), 50_000),
        Ratio("hashes_events_per_second", value("hashes", "events_per_second"), 50_000),
        Ratio("last_against_first", None if not first or last is None else last / first, 0.75),
        Ratio("full_events_per_second", value("full", "events_per_second"), 20_000),
        Ratio("load_bytes_per_record", value("load", "bytes_per_record"), 400, at_most=True),
        Ratio("simulated_bytes_per_record", value("hashes", "bytes_per_record"), 250, at_most=True),
        Ratio("ingest_rss_mb", value("hashes", "rss_mb"), 400, at_most=True),
        Ratio("commit_p99_ms_at_2000", value("latency", "commit_p99_ms"), 250, at_most=True),
    ]


if __name__ == "__main__":
    main()
