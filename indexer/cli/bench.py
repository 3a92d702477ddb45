"""The command `bench`: its options, and which measurement they start.

The modules that measure are imported when they are needed only.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from indexer.cli.numbers import positive, whole
from indexer.errors import ConfigError, FileFormatError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add `ingest` and `read` with their options."""
    kinds = parser.add_subparsers(dest="what", required=True, metavar="ingest|read")
    ingest = _bench_kind(kinds, "ingest", "how many events a second become durable")
    source = ingest.add_mutually_exclusive_group()
    source.add_argument("--frames", type=Path, metavar="FILE", help="frames to play")
    source.add_argument(
        "--simulate", type=whole(1), default=200_000, metavar="N", help="events to simulate (200000)"
    )
    ingest.add_argument(
        "--docs",
        type=Path,
        metavar="FILE",
        help="DID documents of --frames, to verify signatures with (found beside it)",
    )
    ingest.add_argument("--accounts", type=whole(2), default=20_000, help="accounts to simulate (20000)")
    ingest.add_argument(
        "--verify",
        choices=["hashes", "full"],
        default="hashes",
        help="check hashes only, or signatures and proofs too (hashes)",
    )
    ingest.add_argument(
        "--rate", type=positive, help="events a second that the relay sends (as fast as it goes)"
    )
    read = _bench_kind(kinds, "read", "how fast the API answers, alone and while events flow in")
    read.add_argument(
        "--simulate", type=whole(1), default=60_000, metavar="N", help="events of history (60000)"
    )
    read.add_argument(
        "--live", type=whole(1), default=20_000, metavar="N", help="events sent meanwhile (20000)"
    )
    read.add_argument("--rate", type=positive, default=500.0, help="events a second sent meanwhile (500)")
    read.add_argument("--accounts", type=whole(2), default=2_000, help="accounts to simulate (2000)")
    read.add_argument("--viewers", type=whole(1), default=200, help="accounts that read (200)")
    read.add_argument(
        "--follows", type=whole(0), default=20, help="accounts that each of them follows besides (20)"
    )
    read.add_argument(
        "--celebrity",
        type=whole(0),
        default=0,
        metavar="N",
        help="more followers of the most followed account (0)",
    )
    read.add_argument("--seconds", type=positive, default=3.0, help="seconds of each measurement (3)")
    for kind in (ingest, read):
        kind.add_argument("--plot", type=Path, metavar="FILE", help="write a chart (SVG)")
        kind.add_argument("--json", action="store_true", help="print one JSON object")


def run(arguments: argparse.Namespace) -> None:
    """Measure, write the chart where one is asked for, and print the result.

    Raises FileFormatError where an input is missing and ConfigError where the chart could not be written, both before
    anything is measured.
    """
    import msgspec

    from indexer.cli import bench_chart, bench_ingest, bench_network, bench_read, bench_read_report

    if arguments.plot is not None and not arguments.plot.parent.is_dir():
        raise ConfigError(f"plot: expected a file in a directory that exists, got {str(arguments.plot)!r}")
    if arguments.what == "read":
        result = bench_read.run(
            bench_network.Plan(
                events=arguments.simulate,
                accounts=arguments.accounts,
                live_events=arguments.live,
                follows=arguments.follows,
                celebrity=arguments.celebrity,
                rate=arguments.rate,
                viewers=min(arguments.viewers, arguments.accounts),
                seconds=arguments.seconds,
                quiet=arguments.json,
            )
        )
        chart, text = bench_read_report.as_svg(result), bench_read_report.as_text(result)
    else:
        for file in filter(None, (arguments.frames, arguments.docs)):
            if not file.is_file():
                raise FileFormatError(f"expected a file, found none: {file}")
        result = bench_ingest.run(
            bench_ingest.Plan(
                frames=arguments.frames,
                events=arguments.simulate,
                accounts=arguments.accounts,
                verify=arguments.verify,
                rate=arguments.rate,
                quiet=arguments.json,
                documents=arguments.docs,
            )
        )
        chart, text = bench_chart.as_svg(result), bench_ingest.as_text(result)
        del result["samples"]
    if arguments.plot is not None:
        arguments.plot.write_text(chart, encoding="utf-8")
    print(msgspec.json.encode(result).decode() + "\n" if arguments.json else text, end="")


def _bench_kind(
    kinds: argparse._SubParsersAction[argparse.ArgumentParser], name: str, about: str
) -> argparse.ArgumentParser:
    return kinds.add_parser(name, help=about, description=f"Measure {about}.", allow_abbrev=False)
