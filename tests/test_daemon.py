"""The whole daemon as an operator meets it: `indexer demo` and `indexer up` as real processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Queue
from tempfile import TemporaryDirectory
from typing import Any

import psutil
import pytest

INDEXER = [sys.executable, "-m", "indexer"]


def environment(**settings: str) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("INDEXER_")}
    return {
        **clean,
        "INDEXER_API_PORT": "0",
        "INDEXER_METRICS_PORT": "0",
        "INDEXER_API_WORKERS": "1",
        **settings,
    }


def fetch(url: str, token: str | None = None) -> tuple[int, Any]:
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"} if token else {})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def text_of(url: str) -> str:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return str(answer.read().decode())
    except urllib.error.HTTPError as error:
        with error:
            return error.read().decode()


def eventually(condition: Callable[[], bool], seconds: float = 60) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.1)
    return False


class Daemon:
    """A running `indexer demo` or `indexer up`; its stdout is read line by line."""

    def __init__(self, *arguments: str, **settings: str) -> None:
        self.process = subprocess.Popen(
            [*INDEXER, *arguments],
            env=environment(**settings),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.lines: Queue[str] = Queue()
        self.log: list[str] = []
        for stream, take in ((self.process.stdout, self.lines.put), (self.process.stderr, self.log.append)):
            threading.Thread(target=self._read, args=(stream, take), daemon=True).start()
        assert eventually(lambda: not self.lines.empty() or self.process.poll() is not None, 120), "".join(
            self.log
        )
        assert not self.lines.empty(), "".join(self.log)
        first = self.lines.get()
        assert first.startswith("indexer serves http://"), first
        self.url, self.did = first.split()[2], first.split()[4]
        self.dashboard = self.lines.get(timeout=10).removeprefix("dashboard: ").strip()

    @staticmethod
    def _read(stream: Any, take: Callable[[str], None]) -> None:
        with stream:
            for line in stream:
                take(line)

    def family(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def worker(self, name: str) -> psutil.Process:
        return next(one for one in self.family() if one.cmdline()[-1:] == [name] and "-m" in one.cmdline())

    def stop(self, which: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(which)
        return self.process.wait(90)


@pytest.fixture(scope="module")
def state() -> Iterator[Path]:
    with TemporaryDirectory(prefix="indexer-test-") as directory:
        os.chmod(directory, 0o711)
        yield Path(directory)


@pytest.fixture(scope="module")
def demo(state: Path) -> Iterator[Daemon]:
    daemon = Daemon("demo", INDEXER_STATE_DIR=str(state / "demo"))
    try:
        yield daemon
    finally:
        family = daemon.family()
        code = daemon.stop()
        assert code == 0, "".join(daemon.log)
        _, alive = psutil.wait_procs(family, timeout=10)
        assert not alive
        assert list((state / "demo").iterdir()) == []


def token(daemon: Daemon, handle: str, method: str) -> str:
    done = subprocess.run(
        [*INDEXER, "token", "--as", handle, "--method", method, "--service-did", daemon.did],
        capture_output=True, text=True, check=True, env=environment(),
    )  # fmt: skip
    return done.stdout.strip()


def test_the_demo_has_a_dashboard_with_the_apis_metrics(demo: Daemon) -> None:
    assert "<title>indexer</title>" in text_of(demo.dashboard)
    assert "indexer_firehose_frames_total" in text_of(f"{demo.dashboard}metrics")
    fetch(f"{demo.url}/xrpc/app.bsky.actor.getProfile?actor=nobody.test")
    line = 'indexer_api_requests_total{method="app.bsky.actor.getProfile",status="400"}'
    assert eventually(lambda: line in text_of(f"{demo.dashboard}metrics/api")), text_of(
        f"{demo.dashboard}metrics/api"
    )


def test_the_demo_serves_a_timeline(demo: Daemon) -> None:
    assert fetch(f"{demo.url}/xrpc/_health")[0] == 200
    profile = f"{demo.url}/xrpc/app.bsky.actor.getProfile?actor=ada0.test"
    assert eventually(lambda: fetch(profile)[0] == 200), "".join(demo.log)
    assert fetch(profile)[1]["handle"] == "ada0.test"
    method = "app.bsky.feed.getTimeline"
    bearer = token(demo, "ada0.test", method)

    def posts() -> list[Any]:
        status, answer = fetch(f"{demo.url}/xrpc/{method}?limit=30", bearer)
        assert status == 200, answer
        return list(answer["feed"])

    assert eventually(lambda: len(posts()) == 30)
    # A repost stands at the time of the repost, a post at its own.
    times = [item.get("reason", item["post"])["indexedAt"] for item in posts()]
    assert times == sorted(times, reverse=True)
    newest = times[0]
    assert eventually(lambda: posts()[0].get("reason", posts()[0]["post"])["indexedAt"] > newest)


def test_the_printed_commands_work(demo: Daemon) -> None:
    assert demo.lines.get(timeout=60).startswith("It follows a simulated network of 300 accounts")
    for command in (demo.lines.get(timeout=10).strip() for _ in range(3)):
        assert command.startswith("curl ")
        done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, env=environment())
        assert done.returncode == 0, done.stderr
        assert "error" not in json.loads(done.stdout), command


def test_status_of_a_running_daemon(demo: Daemon, state: Path) -> None:
    (directory,) = (state / "demo").iterdir()
    done = subprocess.run(
        [*INDEXER, "status", "--json", "--state-dir", str(directory)],
        capture_output=True,
        text=True,
        env=environment(),
    )
    assert done.returncode == 0, done.stderr
    status = json.loads(done.stdout)
    assert status["store"]["cursors"][0]["seq"] > 0
    assert status["cache"]["reachable"]


def test_a_second_daemon_is_refused_its_state_directory(demo: Daemon, state: Path) -> None:
    (directory,) = (state / "demo").iterdir()
    done = subprocess.run(
        [*INDEXER, "up"],
        capture_output=True,
        text=True,
        env=environment(INDEXER_STATE_DIR=str(directory)),
        timeout=60,
    )
    assert done.returncode == 69
    assert f"process {demo.process.pid} uses it" in done.stderr


@pytest.mark.parametrize("name", ["ingest", "api"])
def test_a_killed_worker_comes_back(demo: Daemon, name: str) -> None:
    old = demo.worker(name)
    its_own = old.children(recursive=True)
    old.kill()

    def is_back() -> bool:
        try:
            return demo.worker(name).pid != old.pid and fetch(f"{demo.url}/xrpc/_health")[0] == 200
        except (StopIteration, OSError, psutil.NoSuchProcess):
            return False

    assert eventually(is_back), "".join(demo.log)
    assert psutil.wait_procs(its_own, timeout=5)[1] == [], "orphans go on serving with old code and settings"


def test_the_demo_refuses_the_operators_own_servers() -> None:
    done = subprocess.run(
        [*INDEXER, "demo"],
        capture_output=True,
        text=True,
        env=environment(INDEXER_POSTGRES_URL="postgresql://host/db"),
    )
    assert done.returncode == 2
    assert (
        "postgres_url: expected unset, because the demo brings its own - from INDEXER_POSTGRES_URL"
        in done.stderr
    )


def test_an_unreachable_postgres_ends_with_69(state: Path) -> None:
    done = subprocess.run(
        [*INDEXER, "up"],
        capture_output=True,
        text=True,
        env=environment(
            INDEXER_POSTGRES_URL="postgresql://127.0.0.1:1/none", INDEXER_STATE_DIR=str(state / "unreachable")
        ),
        timeout=120,
    )
    assert done.returncode == 69
    assert "127.0.0.1:1" in done.stderr


def test_a_taken_port_is_refused_where_the_operator_chose_it(demo: Daemon) -> None:
    taken = demo.url.rsplit(":", 1)[1]
    done = subprocess.run(
        [*INDEXER, "up", "--api-port", taken], capture_output=True, text=True, env=environment(), timeout=60
    )
    assert done.returncode == 2
    assert (
        f"api_port: expected a free port, got {taken}, which is taken - from option --api-port" in done.stderr
    )


def test_up_serves_while_no_upstream_answers_and_keeps_its_data(state: Path) -> None:
    settings = {"INDEXER_STATE_DIR": str(state / "up"), "INDEXER_UPSTREAMS": "ws://127.0.0.1:1"}
    first = Daemon("up", **settings)
    assert fetch(f"{first.url}/xrpc/_health")[0] == 200
    assert fetch(f"{first.url}/xrpc/app.bsky.actor.getProfile?actor=nobody.test")[0] == 400
    assert first.stop(signal.SIGINT) == 0, "".join(first.log)
    assert any("migrated the schema" in line for line in first.log)
    second = Daemon("up", **settings)
    assert second.stop() == 0, "".join(second.log)
    assert not any("migrated the schema" in line for line in second.log)
