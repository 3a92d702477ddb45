"""Health: what live and ready follow from, and what the server answers."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from indexer.errors import ConfigError
from indexer.ops import metrics
from indexer.ops.health import Health, serving


class Clock:
    """Time that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def fetch(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_a_loop_that_stands_still_is_not_live() -> None:
    clock = Clock()
    health = Health(clock=clock)
    clock.now += 10
    assert health.report()["live"]
    clock.now += 10
    assert not health.report()["live"]
    health.beat()
    assert health.report()["live"]


def test_ready_needs_an_upstream_and_young_commits() -> None:
    clock = Clock()
    health = Health(clock=clock)
    assert not health.report()["ready"]
    health.connected("wss://a", True)
    health.connected("wss://b", False)
    assert health.report()["ready"]
    health.waiting()
    clock.now += 31
    health.waiting()  # more arrives, but the oldest counts
    assert not health.report()["ready"]
    health.committed(everything=False)
    assert health.report()["ready"]
    clock.now += 31
    assert not health.report()["ready"]
    health.committed(everything=True)
    clock.now += 3600  # a quiet upstream is no trouble
    assert health.report()["ready"]
    health.connected("wss://a", False)
    assert not health.report()["ready"]


def test_troubles_are_told_until_they_end() -> None:
    health = Health()
    health.trouble("cache", "connection refused")
    assert health.report()["troubles"] == {"cache": "connection refused"}
    health.trouble("cache", None)
    assert health.report()["troubles"] == {}


def test_the_server_answers_health_and_metrics() -> None:
    health = Health()
    metrics.DROPPED.labels("test_reason").inc(3)
    with serving(health, "127.0.0.1", 0) as port:
        status, body = fetch(port, "/health/ready")
        assert (status, json.loads(body)["ready"]) == (503, False)
        health.connected("wss://a", True)
        assert fetch(port, "/health/ready")[0] == 200
        assert fetch(port, "/health/live")[0] == 200
        status, body = fetch(port, "/metrics")
        assert status == 200
        assert 'indexer_dropped_total{reason="test_reason"} 3.0' in body
        assert fetch(port, "/other")[0] == 404
        with (
            pytest.raises(ConfigError, match=f"metrics_port {port}: Address already in use"),
            serving(health, "127.0.0.1", port),
        ):
            pass


def test_every_metric_is_counted_somewhere() -> None:
    program = Path(metrics.__file__).parent.parent
    text = "".join(path.read_text() for path in program.rglob("*.py"))
    for name in (name for name in vars(metrics) if name.isupper() and not name.startswith("_")):
        assert f"metrics.{name}." in text, f"{name} would always stand still"
