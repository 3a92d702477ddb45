"""Builds the extensions with the address and undefined-behaviour sanitizers, in a copy, and runs tests against them.

    python -m tests.sanitize [pytest arguments]      (default: the tests of the byte core)

Needs gcc with libasan and libubsan. Exit status is pytest's; a finding aborts the run with the sanitizer's report.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
DEFAULT_TESTS = [
    "tests/fastpath",
    "-q",
    "-x",
    "-p",
    "no:cacheprovider",
    "--deselect",
    "tests/fastpath/test_hostile.py",
]
HOSTILE = [
    "tests/fastpath/test_hostile.py",
    "-q",
    "-x",
    "-p",
    "no:cacheprovider",
    "-k",
    "not cost and not memory and not slot",
]
"""Without the tests that measure time or memory: sanitized code is slow and large on purpose."""


def library(name: str) -> str:
    return subprocess.run(
        ["gcc", f"-print-file-name={name}"], capture_output=True, text=True, check=True
    ).stdout.strip()


def build(copy: Path) -> None:
    """Copy what is needed and compile all extensions in place."""
    for name in ("indexer", "tests", "benchmarks"):
        shutil.copytree(
            ROOT / name,
            copy / name,
            ignore=shutil.ignore_patterns("*.so", "*.c", "__pycache__", ".hypothesis"),
        )
    for name in ("setup.py", "pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, copy / name)
    switches = {"INDEXER_SANITIZE": "1", "INDEXER_DEBUG": "1"}
    subprocess.run(
        [sys.executable, "setup.py", "-q", "build_ext", "--inplace"],
        cwd=copy,
        env={**os.environ, **switches},
        check=True,
        stdout=subprocess.DEVNULL,
    )


def run(copy: Path, arguments: list[str]) -> int:
    shared = os.environ.get("INDEXER_SHARED") or str(ROOT.parent / "shared")
    environment = {
        **os.environ,
        "INDEXER_SHARED": shared,
        "LD_PRELOAD": f"{library('libasan.so')} {library('libubsan.so')}",
        "PYTHONMALLOC": "malloc",
        "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=1",
        "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
    }
    return subprocess.run([sys.executable, "-m", "pytest", *arguments], cwd=copy, env=environment).returncode


def main() -> int:
    with tempfile.TemporaryDirectory() as directory:
        copy = Path(directory)
        build(copy)
        if len(sys.argv) > 1:
            return run(copy, sys.argv[1:])
        return run(copy, DEFAULT_TESTS) or run(copy, HOSTILE)


if __name__ == "__main__":
    sys.exit(main())
