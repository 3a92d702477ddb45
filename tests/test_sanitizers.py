"""The compiled code runs its tests and fuzz targets under the address and undefined-behaviour sanitizers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests import sanitize


def test_no_sanitizer_has_a_finding() -> None:
    if sanitize.missing():
        pytest.skip(f"gcc has no {' and '.join(sanitize.missing())}")
    done = subprocess.run(
        [sys.executable, "-m", "tests.sanitize", "--brief"],
        cwd=Path(__file__).parent.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-8000:]
    assert " passed" in done.stdout
