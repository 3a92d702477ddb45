"""What the API's workers answered, for Prometheus: counted by each worker in files of its own, served as one sum.

Run as a script by the API's first process, `python -m indexer.api.metrics HOST PORT`, with PROMETHEUS_MULTIPROC_DIR
naming the files' directory: a process of its own, because threads beside a process that forks its workers are a hazard.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from tempfile import TemporaryDirectory

from indexer.api.router import all_endpoints
from indexer.config import Settings
from indexer.errors import ConfigError
from indexer.ops.launch import launch_command

_DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"
_LATENCIES = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_OTHER = "other"


class Requests:
    """One worker's counts. Must be made before anything else imports prometheus_client (see `counting`)."""

    def __init__(self) -> None:
        from prometheus_client import CollectorRegistry, Counter, Histogram

        registry = CollectorRegistry()
        self._answers = Counter(
            "indexer_api_requests", "Requests that were answered", ["method", "status"], registry=registry
        )
        self._seconds = Histogram(
            "indexer_api_request_seconds",
            "From a request's arrival at the worker to its answer",
            ["method"],
            buckets=_LATENCIES,
            registry=registry,
        )
        self._lookups = Counter(
            "indexer_api_lookups",
            "Timelines and counts looked up in Redis, rows and templates kept by a worker, and whether they were there",
            ["of", "outcome"],
            registry=registry,
        )
        self._looked_up: dict[tuple[str, str], int] = {}
        self._known = all_endpoints()

    def observe(self, path: str, status: int, seconds: float) -> None:
        """A request was answered. Paths that are no method's count as one."""
        nsid = path.removeprefix("/xrpc/")
        method = nsid if nsid in self._known else _OTHER
        self._answers.labels(method, status).inc()
        self._seconds.labels(method).observe(seconds)

    def looked_up(self, totals: Mapping[tuple[str, str], int]) -> None:
        """What this worker has looked up since it began: (of what, outcome) -> times."""
        for labels, total in totals.items():
            self._lookups.labels(*labels).inc(total - self._looked_up.get(labels, 0))
        self._looked_up = dict(totals)


def worker_requests() -> Requests | None:
    """The counts of this worker; None where nobody wants them."""
    return Requests() if _DIRECTORY in os.environ else None


@contextmanager
def counting(settings: Settings) -> Iterator[None]:
    """While the block runs, workers that are started count, and their sum is served; nothing where no port is set.

    Raises ConfigError where the port cannot be listened on.
    """
    if settings.api_metrics_port is None:
        yield
        return
    family = socket.AF_INET6 if ":" in settings.metrics_host else socket.AF_INET
    try:
        socket.create_server((settings.metrics_host, settings.api_metrics_port), family=family).close()
    except OSError as error:
        raise _taken(settings.metrics_host, settings.api_metrics_port, error) from None
    with TemporaryDirectory(prefix="indexer-api-metrics-") as directory:
        os.environ[_DIRECTORY] = directory
        address = (settings.metrics_host, str(settings.api_metrics_port))
        command = [sys.executable, "-P", "-m", "indexer.api.metrics", *address]
        server = subprocess.Popen(launch_command(command, signal.SIGTERM), stdin=subprocess.DEVNULL)
        try:
            yield
        finally:
            del os.environ[_DIRECTORY]
            server.terminate()
            server.wait()


def main(host: str, port: int) -> None:
    """Serve the sum of all workers' counts until ended. Raises ConfigError where the address cannot be listened on."""
    from prometheus_client import CollectorRegistry, start_http_server
    from prometheus_client.multiprocess import MultiProcessCollector

    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the first process, which ends this one
    try:
        _, thread = start_http_server(port, host, registry)
    except OSError as error:
        raise _taken(host, port, error) from None
    thread.join()


def _taken(host: str, port: int, error: OSError) -> ConfigError:
    return ConfigError(
        f"expected to listen on metrics_host {host}, api_metrics_port {port}: {error.strerror}"
    )


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
