"""How fast the API answers: every method alone on 1, 8 and 32 connections, then sessions while events flow in.

    python -m benchmarks.read [--json] [--seconds S] [--simulate N] [--reference FILE]

Runs `indexer bench read`: real servers, ingest and API, a simulated network, a client on the same machine. With
`--reference`, the JSON that the peer kit's HTTP benchmark wrote about the reference AppView here: its figures and
the ratios then stand beside ours. They come from another client and other data, so that only orders of magnitude
compare; for a comparison with the same client, point that benchmark at this server.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from benchmarks._report import machine
from indexer.cli import bench_read


def main(arguments: list[str] | None = None) -> int:
    """Measure and print. The exit code is 1 if an answer was refused for another reason than a block."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--simulate", type=int, default=60_000)
    parser.add_argument("--live", type=int, default=20_000)
    parser.add_argument("--rate", type=float, default=500.0)
    parser.add_argument("--reference", type=Path)
    chosen = parser.parse_args(arguments)
    plan = bench_read.Plan(
        events=chosen.simulate,
        live_events=chosen.live,
        rate=chosen.rate,
        seconds=chosen.seconds,
        quiet=chosen.json or not sys.stderr.isatty(),
    )
    result = bench_read.run(plan)
    if chosen.reference is not None:
        result["reference"] = beside(result, json.loads(chosen.reference.read_text()))
    if chosen.json:
        print(json.dumps({"machine": machine(), **result}))
    else:
        print(machine())
        print(bench_read.as_text(result), end="")
        for line in result.get("reference", ()):
            print(line)
    return 0


def beside(result: dict[str, Any], reference: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The reference's cells with the ratio of answers a second, ours over theirs."""
    rows = []
    for cell in reference:
        ours = result.get(cell["method"], {}).get(str(cell["conns"]))
        if ours is not None:
            ratio = round(ours["rps"] / cell["perSecond"], 1) if cell["perSecond"] else None
            rows.append({**cell, "ours_per_second": ours["rps"], "ratio": ratio})
    return rows


if __name__ == "__main__":
    sys.exit(main())
