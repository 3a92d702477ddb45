"""What every benchmark shares: turns for all contestants, CPU time, the machine, one table, one JSON object."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import ssl
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from indexer.firehose.files import FramesReader

SHARED_VECTORS = (
    Path(os.environ.get("INDEXER_SHARED") or Path(__file__).parent.parent.parent / "shared") / "vectors"
)

BRIEF_SHARE = 0.4
"""What of a target a brief run must reach: it is for finding out that something broke, not for figures."""


@dataclass(frozen=True)
class Ratio:
    """One promised ratio: its name in the JSON object, its value, and what it should be at least (or at most)."""

    name: str
    value: float | None
    target: float
    at_most: bool = False

    @property
    def met(self) -> bool:
        if self.value is None:
            return False
        return self.value <= self.target if self.at_most else self.value >= self.target

    @property
    def collapsed(self) -> bool:
        """Whether it is so far from its target that no noise of the machine explains it."""
        if self.value is None:
            return True
        limit = self.target / BRIEF_SHARE if self.at_most else self.target * BRIEF_SHARE
        return self.value > limit if self.at_most else self.value < limit


@dataclass(frozen=True)
class Row:
    """One line of the table: who did it, how long it took (CPU microseconds a unit), what it leaves out."""

    work: str
    contestant: str
    microseconds: float
    unit: str
    note: str = ""


def best_times(
    contestants: Mapping[str, Callable[[], object]],
    units: int,
    seconds: float,
    rounds: int = 5,
    prepare: Callable[[], object] | None = None,
) -> dict[str, float]:
    """CPU microseconds a unit for each contestant, whose every call does `units` of them.

    All take turns in every round, so that a slow moment of the machine hits each; the best call counts. `seconds` is
    about what each gets in all. `prepare` runs before every call and is not counted.
    """
    best = dict.fromkeys(contestants, float("inf"))
    for _ in range(rounds):
        for name, run in contestants.items():
            deadline = time.perf_counter() + seconds / rounds
            while True:
                if prepare is not None:
                    prepare()
                started = time.process_time_ns()
                run()
                best[name] = min(best[name], (time.process_time_ns() - started) / 1000 / units)
                if time.perf_counter() >= deadline:
                    break
    return best


def read_frames(path: Path) -> list[bytes]:
    """All frames of a file."""
    with FramesReader(path) as reader:
        return [frame for batch in reader.batches(max_frames=4096, max_bytes=1 << 24) for frame in batch]


def machine() -> str:
    """Processor, cores, interpreter."""
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                name = line.partition(":")[2].strip()
                break
    return f"{name}, {os.cpu_count()} cores, Python {platform.python_version()}, {ssl.OPENSSL_VERSION}"


def versions(packages: Sequence[str]) -> dict[str, str]:
    return {name: importlib.metadata.version(name) for name in packages}


def print_json(ratios: Sequence[Ratio], details: Mapping[str, object]) -> None:
    """One JSON object: the ratios by name, then whatever explains them."""
    values = {ratio.name: None if ratio.value is None else round(ratio.value, 3) for ratio in ratios}
    print(json.dumps({**values, **details}))


def print_rows(title: str, rows: Sequence[Row]) -> None:
    table = Table(title=title, title_justify="left")
    for column in ("work", "who", "CPU us", "per second", "unit", "does not"):
        table.add_column(column, justify="right" if column in ("CPU us", "per second") else "left")
    work = ""
    for row in rows:
        if row.work != work and work:
            table.add_section()
        table.add_row(
            row.work if row.work != work else "",
            row.contestant,
            f"{row.microseconds:,.3f}",
            f"{1e6 / row.microseconds:,.0f}",
            row.unit,
            row.note,
        )
        work = row.work
    Console(width=150).print(table)


def print_ratios(ratios: Sequence[Ratio]) -> None:
    table = Table(title="against the targets", title_justify="left")
    for column in ("ratio", "measured", "target", "met"):
        table.add_column(column, justify="left" if column == "ratio" else "right")
    for ratio in ratios:
        measured = "-" if ratio.value is None else f"{ratio.value:.2f}"
        target = f"{'at most' if ratio.at_most else 'at least'} {ratio.target:g}"
        table.add_row(ratio.name, measured, target, "yes" if ratio.met else "no")
    Console(width=150).print(table)


def print_setting(method: str, packages: Sequence[str]) -> None:
    print(machine())
    print(", ".join(f"{name} {version}" for name, version in versions(packages).items()))
    print(method)


def exit_status(ratios: Sequence[Ratio]) -> int:
    """1, and a line on stderr for each, if ratios have collapsed; 0 if none has. How a brief run (`--brief`) ends."""
    for ratio in ratios:
        if ratio.collapsed:
            bound = "at most" if ratio.at_most else "at least"
            print(f"{ratio.name} collapsed: {ratio.value}, target {bound} {ratio.target:g}", file=sys.stderr)
    return int(any(ratio.collapsed for ratio in ratios))
