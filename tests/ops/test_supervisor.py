"""The supervisor of a daemon's processes, on real processes and signals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

_SUPERVISE = """
import os, sys, trio
from pathlib import Path
from indexer.ops import logs
from indexer.ops.supervisor import Worker, supervise
logs.configure()
directory = Path(sys.argv[1])
def worker(name):
    async def is_ready():
        return (directory / f"{name}.ready").exists()
    command = [sys.executable, "-c", (directory / "worker.py").read_text(), name]
    return Worker(name, command, dict(os.environ), is_ready, frozenset({70}))
async def on_ready():
    print("serving", flush=True)
sys.exit(trio.run(lambda: supervise([worker("second")], first=[worker("first")], on_ready=on_ready)))
"""

_WORKER = """
import signal, sys, time
from pathlib import Path
directory, name = Path({directory!r}), sys.argv[1]
def drain(*_):
    (directory / f"{{name}}.drained").touch()
    sys.exit(0)
signal.signal(signal.SIGTERM, {handler})
with (directory / f"{{name}}.starts").open("a") as starts:
    starts.write(".")
(directory / f"{{name}}.ready").touch()
while True:
    time.sleep(0.02)
    if (directory / f"{{name}}.exit").exists():
        code = int((directory / f"{{name}}.exit").read_text())
        (directory / f"{{name}}.exit").unlink()
        sys.exit(code)
"""


class Supervised:
    """A supervisor with two workers whose deeds are seen in files."""

    def __init__(self, directory: Path, handler: str = "drain") -> None:
        self.directory = directory
        (directory / "worker.py").write_text(_WORKER.format(directory=str(directory), handler=handler))
        self.process = subprocess.Popen(
            [sys.executable, "-c", _SUPERVISE, str(directory)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "serving\n"

    def starts(self, name: str) -> int:
        return len((self.directory / f"{name}.starts").read_text())

    def end(self) -> int:
        assert self.process.stdout is not None
        self.process.stdout.close()
        return self.process.wait(30)


def wait_for(condition: Callable[[], bool], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


@pytest.mark.parametrize("received", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_drains_every_worker(tmp_path: Path, received: signal.Signals) -> None:
    supervised = Supervised(tmp_path)
    supervised.process.send_signal(received)
    assert supervised.end() == 0
    assert (tmp_path / "first.drained").exists()
    assert (tmp_path / "second.drained").exists()


def test_a_worker_that_dies_is_started_again(tmp_path: Path) -> None:
    supervised = Supervised(tmp_path)
    (tmp_path / "second.exit").write_text("69")
    wait_for(lambda: supervised.starts("second") == 2)
    assert supervised.starts("first") == 1
    supervised.process.terminate()
    assert supervised.end() == 0


def test_a_fatal_end_of_one_drains_the_others_and_gives_its_code(tmp_path: Path) -> None:
    supervised = Supervised(tmp_path)
    (tmp_path / "first.exit").write_text("70")
    assert supervised.end() == 70
    assert (tmp_path / "second.drained").exists()


def test_a_second_signal_kills(tmp_path: Path) -> None:
    supervised = Supervised(tmp_path, handler="signal.SIG_IGN")
    supervised.process.terminate()
    time.sleep(0.3)
    assert supervised.process.poll() is None
    supervised.process.terminate()
    assert supervised.end() == 143


def test_workers_do_not_outlive_a_killed_supervisor(tmp_path: Path) -> None:
    supervised = Supervised(tmp_path)
    workers = psutil.Process(supervised.process.pid).children()
    assert len(workers) == 2
    os.kill(supervised.process.pid, signal.SIGKILL)
    supervised.end()
    wait_for(lambda: (tmp_path / "first.drained").exists() and (tmp_path / "second.drained").exists())


def test_workers_live_on_when_the_supervisors_helper_threads_end(tmp_path: Path) -> None:
    supervised = Supervised(tmp_path)
    time.sleep(12)  # idle threads of Trio's end after 10 s
    assert (supervised.starts("first"), supervised.starts("second")) == (1, 1)
    supervised.process.terminate()
    assert supervised.end() == 0
