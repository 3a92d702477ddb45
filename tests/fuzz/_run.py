"""Runs a target under atheris (libFuzzer), from a committed corpus of small inputs.

The compiled code is not instrumented, so what it answers is made visible as coverage instead: each reason at each order
of magnitude of offset is a branch of its own, and inputs that reach a new one are kept and mutated further.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import atheris

from indexer._fastpath.reasons import REASONS
from indexer.errors import FrameError

CORPUS = Path(__file__).parent / "corpus"
MAX_BYTES = 4096
IS_SANITIZED = "libasan" in os.environ.get("LD_PRELOAD", "")
"""Then the sanitizer keeps freed memory for a while."""

OUTCOMES = 16
"""How many kinds of answer, "0" and up, a target can tell apart besides the reasons of refusals."""


def _branch() -> Callable[[], None]:
    """A function whose run counts as coverage."""
    scope: dict[str, Callable[[], None]] = {}
    exec("def reached() -> None:\n    pass\n", scope)
    branch: Callable[[], None] = atheris.instrument_func(scope["reached"])
    return branch


class Seen:
    """Turns answers into coverage."""

    def __init__(self) -> None:
        self._branches = {
            (reason, size): _branch()
            for reason in ["", *REASONS.values(), *map(str, range(OUTCOMES))]
            for size in range(13)
        }

    def answer(self, door: Callable[[bytes], object], data: bytes) -> object | None:
        """What a door makes of the input; None where it refuses it, which must be at a place inside."""
        value = None
        reason, offset = "", len(data)
        try:
            value = door(data)
        except FrameError as error:
            reason, offset = error.reason, error.offset
        assert 0 <= offset <= len(data), (reason, offset, len(data))
        self.reached(reason, offset)
        return value

    def reached(self, reason: str, offset: int) -> None:
        """Count an outcome: a reason, "" or the number of an outcome, at an order of magnitude of `offset`."""
        self._branches[reason, min(offset.bit_length(), 12)]()


def fuzz(name: str, target: Callable[[Seen, bytes], None]) -> None:
    """Run `target` on ever new inputs for `--seconds`; an exception of it is a finding and ends the run."""
    parser = argparse.ArgumentParser(description=f"fuzz {name}")
    parser.add_argument("--seconds", type=int, default=60)
    arguments = parser.parse_args()
    seen = Seen()
    with tempfile.TemporaryDirectory() as directory:
        work = Path(directory) / "corpus"
        shutil.copytree(CORPUS / name, work)
        options = [
            f"-max_total_time={arguments.seconds}",
            f"-max_len={MAX_BYTES}",
            f"-rss_limit_mb={4096 if IS_SANITIZED else 1024}",
            "-timeout=5",
            "-print_final_stats=1",
            f"-artifact_prefix={name}-",
        ]
        atheris.Setup([sys.argv[0], *options, str(work)], lambda data: target(seen, data))
        atheris.Fuzz()
