"""Every benchmark runs, says what it promises under the names it promises, and its ratios have not collapsed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks._report import BRIEF_SHARE, Ratio, exit_status

ROOT = Path(__file__).parent.parent.parent
PROMISED = {
    "decode": {
        "rows_vs_libipld",
        "rows_vs_atproto",
        "hashed_vs_sha256",
        "verified_vs_coincurve",
        "car_vs_sha256",
        "json_vs_libipld",
    },
    "ingest": {"stages_vs_decode"},
    "read": {"timelines_vs_threads", "fanout_p99_ms", "bytes_per_timeline"},
    "search": {"us_per_row", "bytes_per_post", "slowest_p50_ms"},
    "websocket": {"ws_vs_trio_websocket", "wss_vs_trio_websocket"},
}


@pytest.mark.parametrize("name", PROMISED)
def test_a_brief_run(name: str) -> None:
    command = [sys.executable, "-m", f"benchmarks.{name}", "--brief", "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-4000:] + done.stdout[-4000:]
    answer = json.loads(done.stdout)
    assert PROMISED[name] <= set(answer)
    assert all(answer[ratio] > 0 for ratio in PROMISED[name])
    assert answer["machine"]
    assert answer["versions"]


def test_a_ratio_collapses_where_noise_does_not_reach(capsys: pytest.CaptureFixture[str]) -> None:
    good = [Ratio("a", 10 * BRIEF_SHARE, 10), Ratio("b", 1 / BRIEF_SHARE, 1, at_most=True)]
    assert exit_status(good) == 0
    for bad in (Ratio("c", 3.9, 10), Ratio("d", 2.6, 1, at_most=True), Ratio("e", None, 1)):
        assert exit_status([*good, bad]) == 1
        assert f"{bad.name} collapsed" in capsys.readouterr().err
