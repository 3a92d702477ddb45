"""Every fuzz target runs for a moment, from its corpus, and finds nothing (docs/TESTING.md has longer runs)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("atheris", reason="atheris has no wheel for this platform")

HERE = Path(__file__).parent
TARGETS = sorted(path.stem for path in HERE.glob("[a-z]*.py") if not path.stem.startswith("test_"))


def test_every_target_has_a_corpus() -> None:
    assert sorted(path.name for path in (HERE / "corpus").iterdir()) == TARGETS


@pytest.mark.parametrize("name", TARGETS)
def test_a_short_run(name: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", f"tests.fuzz.{name}", "--seconds", "2"]
    done = subprocess.run(command, cwd=HERE.parent.parent, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-4000:]
    assert "number_of_executed_units" in done.stderr
