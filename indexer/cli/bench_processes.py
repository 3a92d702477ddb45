"""Processes of a benchmark: the relay that plays a file, the environment of a process under test, and what /proc says.

Owns no measurement: what a figure means is its reader's business.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from indexer.errors import FileFormatError

COMMAND = [sys.executable, "-c", "import sys; from indexer.cli import main; sys.exit(main())"]
_TICKS = os.sysconf("SC_CLK_TCK")


@contextmanager
def playing(
    path: Path, rate: float | None, port: int = 0, documents: Path | None = None
) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A relay that plays a frames file at `rate` events a second (None: as fast as they are taken), with its address.

    `documents`: a file of the accounts' DID documents; None for the one beside the frames, if there is one.
    Raises FileFormatError where it does not start.
    """
    command = [*COMMAND, "simulate", "--frames", str(path), "--rate", str(rate or 0), "--port", str(port)]
    if documents is not None:
        command += ["--docs", str(documents)]
    with subprocess.Popen(command, env=own_environment(), stdout=subprocess.PIPE) as relay:
        try:
            assert relay.stdout is not None
            line = relay.stdout.readline()
            if not line:
                raise FileFormatError(f"{path}: the relay that was to play it did not start")
            yield relay, json.loads(line)["url"]
        finally:
            relay.terminate()


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def own_environment(**settings: str) -> dict[str, str]:
    """The environment of a process under test: ours without its INDEXER_ variables, and these settings."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("INDEXER_")}
    return {**own, **settings}


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat after the name: state is the first."""
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()


def parent_of(pid: int) -> int:
    """The id of a process' parent."""
    return int(_stat(pid)[1])


def cpu_of(pid: int) -> float:
    """CPU seconds of a process and of its children that ended."""
    return sum(map(int, _stat(pid)[11:15])) / _TICKS


def cpu_of_family(pid: int) -> float:
    """CPU seconds of a process and of its children."""
    total = cpu_of(pid)
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if parent_of(int(entry.name)) == pid:
                    total += cpu_of(int(entry.name))
            except OSError:
                continue  # it has just ended
    return total


def rss_of(pid: int) -> int:
    """The bytes of memory that a process holds now."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
