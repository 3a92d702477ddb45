"""Logs and progress as an operator's tools see them: through the stderr of a real process."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys

_LOGS = """
import logging, structlog
from indexer.ops import logs
logs.configure("info", {form!r})
log = structlog.get_logger("indexer.test")
log.debug("hidden")
log.info("said", number=1)
try:
    1 / 0
except ZeroDivisionError:
    log.exception("broken")
logging.getLogger("library").warning("heard %s", "too")
logging.getLogger("library").info("chatter")
"""

_PROGRESS = """
from indexer.ops import logs
from indexer.ops.progress import progress
logs.configure("info", "auto")
with progress("working", 10, "frames", quiet={quiet}) as advance:
    for _ in range(10):
        advance(1)
"""


def stderr_of(script: str) -> str:
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stderr


def terminal_output_of(script: str) -> str:
    ours, theirs = pty.openpty()
    try:
        subprocess.run([sys.executable, "-c", script], stdout=theirs, stderr=theirs, check=True)
        return os.read(ours, 100_000).decode()
    finally:
        os.close(ours)
        os.close(theirs)


def test_logs_are_json_lines_where_nobody_looks() -> None:
    lines = [json.loads(line) for line in stderr_of(_LOGS.format(form="auto")).splitlines()]
    assert [line["event"] for line in lines] == ["said", "broken", "heard too"]
    assert lines[0]["number"] == 1
    assert lines[0]["level"] == "info"
    assert lines[1]["exception"][0]["exc_type"] == "ZeroDivisionError"
    assert lines[2]["logger"] == "library"


def test_logs_are_readable_where_somebody_asks() -> None:
    output = stderr_of(_LOGS.format(form="console"))
    assert "said" in output
    assert "number=1" in output
    assert "ZeroDivisionError" in output
    assert "hidden" not in output
    assert "chatter" not in output


def test_progress_is_a_bar_on_a_terminal() -> None:
    output = terminal_output_of(_PROGRESS.format(quiet=False))
    assert "10/10" in output
    assert "frames" in output


def test_progress_is_lines_elsewhere() -> None:
    (line,) = stderr_of(_PROGRESS.format(quiet=False)).splitlines()
    assert (json.loads(line)["event"], json.loads(line)["done"]) == ("working: done", 10)


def test_quiet_progress_is_silent() -> None:
    assert stderr_of(_PROGRESS.format(quiet=True)) == ""
