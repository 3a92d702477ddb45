"""How long work tells its progress: a bar on a terminal, log lines elsewhere. Used by every long command.

Writes to stderr; results belong to stdout.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog

_SECONDS_BETWEEN_LINES = 10.0

_log = structlog.get_logger("indexer.progress")


@contextmanager
def progress(
    title: str, total: int | None = None, unit: str = "events", *, quiet: bool = False
) -> Iterator[Callable[[int], None]]:
    """Yield `advance(n)`, to be called with the amount of work just done; `total` None means unknown.

    `quiet` tells nothing, for commands that were asked for machine-readable output only.
    """
    if quiet:
        yield lambda _done: None
    elif sys.stderr.isatty():
        yield from _bar(title, total, unit)
    else:
        yield from _lines(title, total, unit)


def _bar(title: str, total: int | None, unit: str) -> Iterator[Callable[[int], None]]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    amount_columns: tuple[ProgressColumn, ...] = (
        (DownloadColumn(),)
        if unit == "bytes"
        else (MofNCompleteColumn(), TextColumn(unit), TextColumn("{task.fields[rate]}"))
    )
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        *amount_columns,
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(title, total=total, rate="")
        began = time.monotonic()
        done = 0

        def advance(amount: int) -> None:
            nonlocal done
            done += amount
            bar.update(task, advance=amount, rate=f"{done / max(time.monotonic() - began, 1e-9):,.0f}/s")

        yield advance


def _lines(title: str, total: int | None, unit: str) -> Iterator[Callable[[int], None]]:
    began = last_line = time.monotonic()
    done = 0

    def advance(amount: int) -> None:
        nonlocal done, last_line
        done += amount
        now = time.monotonic()
        if now - last_line >= _SECONDS_BETWEEN_LINES:
            last_line = now
            _log.info(title, done=done, total=total, unit=unit, per_second=round(done / (now - began)))

    yield advance
    seconds = time.monotonic() - began
    _log.info(f"{title}: done", done=done, unit=unit, seconds=round(seconds, 1))
