"""Whether the ingest process lives and is ready, and the small HTTP server that tells it, with the metrics.

`/metrics` for Prometheus; `/health/live` (restart me if not 200) and `/health/ready` (200 or 503), both with one JSON
object that says why; `/` is the page for people (dashboard.py). Knows only what the stages report to `Health`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import msgspec
from prometheus_client import make_wsgi_app

from indexer.errors import ConfigError
from indexer.ops import dashboard

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment


class Health:
    """What the stages say about themselves. Every method may be called from any thread.

    Live: the event loop turned within `beat_seconds`. Ready: at least one upstream is connected and nothing that was
    received has waited for its commit longer than `commit_seconds`.
    """

    def __init__(
        self,
        *,
        beat_seconds: float = 15,
        commit_seconds: float = 30,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._beat_seconds = beat_seconds
        self._commit_seconds = commit_seconds
        self._clock = clock
        self._last_beat = clock()
        self._waiting_since: float | None = None
        self._last_commit: float | None = None
        self._upstreams: dict[str, bool] = {}
        self._troubles: dict[str, str] = {}
        self._lock = threading.Lock()

    def beat(self) -> None:
        """The event loop turns."""
        self._last_beat = self._clock()

    def connected(self, upstream: str, is_connected: bool) -> None:
        """An upstream's connection was made or ended."""
        with self._lock:
            self._upstreams[upstream] = is_connected

    def waiting(self) -> None:
        """Something was received that is not committed yet."""
        with self._lock:
            if self._waiting_since is None:
                self._waiting_since = self._clock()

    def committed(self, everything: bool) -> None:
        """A batch was committed; `everything`: nothing received is left to commit."""
        with self._lock:
            self._last_commit = self._clock()
            self._waiting_since = None if everything else self._last_commit

    def trouble(self, part: str, reason: str | None) -> None:
        """A part (`cache`, `postgres`, …) works badly for `reason`, or well again (None). Told, but not fatal."""
        with self._lock:
            if reason is None:
                self._troubles.pop(part, None)
            else:
                self._troubles[part] = reason

    def report(self) -> dict[str, Any]:
        """Return `live`, `ready` and what they follow from; ages in seconds."""
        with self._lock:
            now = self._clock()
            waited = 0.0 if self._waiting_since is None else now - self._waiting_since
            return {
                "live": now - self._last_beat <= self._beat_seconds,
                "ready": any(self._upstreams.values()) and waited <= self._commit_seconds,
                "upstreams": dict(self._upstreams),
                "seconds_since_commit": None
                if self._last_commit is None
                else round(now - self._last_commit, 3),
                "seconds_uncommitted": round(waited, 3),
                "troubles": dict(self._troubles),
            }


def reachable(host: str) -> str:
    """Return how a URL names the server of ours that listens on the address `host`."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"[{host}]" if ":" in host else host


@contextmanager
def serving(health: Health, host: str, port: int, api_metrics_port: int | None = None) -> Iterator[int]:
    """Serve metrics and health in a thread of their own; yields the port (the chosen one for 0).

    `api_metrics_port` is where the API's processes serve theirs on this host, if they do. Raises ConfigError if the
    address cannot be listened on.
    """
    metrics = make_wsgi_app()
    api_metrics = None if api_metrics_port is None else f"http://{reachable(host)}:{api_metrics_port}/metrics"

    def application(environment: WSGIEnvironment, respond: StartResponse) -> Iterable[bytes]:
        path = environment.get("PATH_INFO", "")
        if path == "/metrics":
            answer: Iterable[bytes] = metrics(environment, respond)
            return answer
        if path == "/":
            respond("200 OK", list(dashboard.HEADERS))
            return [dashboard.page()]
        if path == "/metrics/api":
            status, text = dashboard.metrics_of_api(api_metrics)
            respond(status, [("Content-Type", "text/plain; version=0.0.4; charset=utf-8")])
            return [text]
        if path not in ("/health/live", "/health/ready"):
            respond("404 Not Found", [("Content-Type", "text/plain")])
            return [b"expected /, /metrics, /metrics/api, /health/live or /health/ready\n"]
        report = health.report()
        good = report[path.rpartition("/")[2]]
        respond("200 OK" if good else "503 Service Unavailable", [("Content-Type", "application/json")])
        return [msgspec.json.encode(report)]

    try:
        server = make_server(host, port, application, server_class=_Server, handler_class=_QuietHandler)
    except OSError as error:
        raise ConfigError(
            f"expected to listen on metrics_host {host}, metrics_port {port}: {error.strerror}. "
            "Set INDEXER_METRICS_PORT to another port, or to 0 for any"
        ) from None
    thread = threading.Thread(target=server.serve_forever, args=(0.1,), name="health", daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _QuietHandler(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the base class' name)
        return
