"""Builds the extensions with the address and undefined-behaviour sanitizers, in a copy, and runs tests against them.

    python -m tests.sanitize [--brief] [pytest arguments]   (default: all tests of the compiled code, and its fuzzing)

Needs gcc with libasan and libubsan. Exit status is pytest's; a finding aborts the run with the sanitizer's report.
`--brief` leaves out the tests that only repeat with many more inputs what others do with some.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
TESTS = [
    "tests/fastpath",
    "tests/batch",
    "tests/firehose/test_control.py",
    "tests/firehose/test_deframer.py",
    "tests/firehose/test_tls.py",
    "tests/fuzz",
]
MANY_INPUTS = (
    "test_interop_keys_of_every_layer",
    "test_any_changed_byte_is_caught",
    "test_a_commit_made_to_cost_much",
    "test_the_slow_model_agrees_on_load",
    "test_libipld_reads_every_frame_of_load_alike",
    "test_rows_agree[333",
    "test_rows_agree[100000",
    "test_it_is_a_dictionary_while_there_is_room",
    "test_generated_commits_invert[1",
    "test_generated_commits_invert[2",
    "test_generated_commits_invert[3",
    "test_refuses_what_wsproto_refuses",
)


def library(name: str) -> Path | None:
    """Where gcc has this sanitizer library; None without gcc or the library."""
    if shutil.which("gcc") is None:
        return None
    answer = subprocess.run(
        ["gcc", f"-print-file-name={name}"], capture_output=True, text=True, check=True
    ).stdout.strip()
    return Path(answer) if Path(answer).is_absolute() and Path(answer).exists() else None


def missing() -> list[str]:
    """What this machine lacks of the sanitizers' libraries."""
    return [name for name in ("libasan.so", "libubsan.so") if library(name) is None]


def build(copy: Path) -> None:
    """Copy what is needed, C files that are up to date as well, and compile all extensions in place."""
    for name in ("indexer", "tests", "benchmarks"):
        shutil.copytree(
            ROOT / name, copy / name, ignore=shutil.ignore_patterns("*.so", "__pycache__", ".hypothesis")
        )
    for name in ("setup.py", "pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, copy / name)
    jobs = ["-j", str(os.cpu_count() or 1)]
    subprocess.run(
        [sys.executable, "setup.py", "-q", "build_ext", "--inplace", *jobs],
        cwd=copy,
        env={**os.environ, "INDEXER_SANITIZE": "1"},
        check=True,
        stdout=subprocess.DEVNULL,
    )


def run(copy: Path, arguments: list[str]) -> int:
    environment = {
        **os.environ,
        "INDEXER_SHARED": os.environ.get("INDEXER_SHARED") or str(ROOT.parent / "shared"),
        "LD_PRELOAD": f"{library('libasan.so')} {library('libubsan.so')}",
        "PYTHONMALLOC": "malloc",
        "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=1:quarantine_size_mb=64",
        "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
    }
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(command, cwd=copy, env=environment).returncode


def main(arguments: list[str]) -> int:
    lacking = missing()
    if lacking:
        print(f"expected gcc with {' and '.join(lacking)}", file=sys.stderr)
        return 2
    brief = "--brief" in arguments
    arguments = [argument for argument in arguments if argument != "--brief"] or list(TESTS)
    if brief:
        arguments += ["-k", "not (" + " or ".join(MANY_INPUTS) + ")"]
    with tempfile.TemporaryDirectory() as directory:
        copy = Path(directory)
        build(copy)
        return run(copy, arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
