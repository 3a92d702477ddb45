"""The dashboard: what it asks for is there, and a real browser shows it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trio
from prometheus_client.parser import text_string_to_metric_families

from indexer.cli.daemon import free_port
from indexer.ops import dashboard, metrics
from indexer.ops.health import Health, serving
from tests.ops.browser import opened

_ANSWERED = """
from indexer.api.metrics import Requests
requests = Requests()
for status in (200, 200, 500):
    requests.observe("/xrpc/app.bsky.feed.getTimeline", status, 0.002)
requests.observe("/xrpc/<script>", 404, 0.001)
requests.looked_up({("timelines", "hit"): 3, ("timelines", "miss"): 1, ("timelines", "not filled"): 9})
"""


@contextmanager
def api_metrics(directory: Path) -> Iterator[int]:
    """The API's metrics, as after some requests; yields their port."""
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(directory)}
    subprocess.run([sys.executable, "-c", _ANSWERED], env=environment, check=True, timeout=60)
    port = free_port("127.0.0.1")
    command = [sys.executable, "-m", "indexer.api.metrics", "127.0.0.1", str(port)]
    server = subprocess.Popen(command, env=environment)
    try:
        url = f"http://127.0.0.1:{port}/metrics"
        while dashboard.metrics_of_api(url)[0] != "200 OK":
            assert server.poll() is None
        yield port
    finally:
        server.terminate()
        server.wait(timeout=20)


def fetch(url: str) -> tuple[int, str, str]:
    """Status, content type and text of an answer."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, answer.headers["Content-Type"], answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers["Content-Type"], error.read().decode()


def test_every_metric_that_the_page_shows_is_one_that_is_counted(tmp_path: Path) -> None:
    with api_metrics(tmp_path) as port, serving(Health(), "127.0.0.1", 0, port) as own:
        text = "".join(fetch(f"http://127.0.0.1:{own}{path}")[2] for path in ("/metrics", "/metrics/api"))
    counted = {family.name for family in text_string_to_metric_families(text)}
    counted |= {f"{name}_total" for name in counted}
    page = dashboard.page().decode()
    shown = set(re.findall(r'"((?:indexer|process)_[a-z_]+)"', page))
    assert len(shown) > 15
    assert shown <= counted


def test_the_metrics_of_the_api_come_through_one_port(tmp_path: Path) -> None:
    with serving(Health(), "127.0.0.1", 0) as port:
        status, kind, page = fetch(f"http://127.0.0.1:{port}/")
        assert (status, kind) == (200, "text/html; charset=utf-8")
        assert page.startswith("<!doctype html>")
        assert fetch(f"http://127.0.0.1:{port}/metrics/api")[::2] == (
            404,
            "set api_metrics_port to see what the API answers",
        )
    nobody = free_port("127.0.0.1")
    with serving(Health(), "127.0.0.1", 0, nobody) as port:
        status, _, why = fetch(f"http://127.0.0.1:{port}/metrics/api")
        assert status == 502
        assert why == (
            f"the API's metrics cannot be read at http://127.0.0.1:{nobody}/metrics: [Errno 111] Connection refused"
        )
    with api_metrics(tmp_path) as api, serving(Health(), "127.0.0.1", 0, api) as port:
        status, _, text = fetch(f"http://127.0.0.1:{port}/metrics/api")
        assert status == 200
        assert 'indexer_api_requests_total{method="app.bsky.feed.getTimeline",status="200"} 2.0' in text


def test_the_page_loads_nothing_from_elsewhere() -> None:
    page = dashboard.page().decode()
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", page)
    assert dict(dashboard.HEADERS)["Content-Security-Policy"].startswith("default-src 'none';")


def _figure(name: str) -> str:
    """In JavaScript: the number of this name among the figures; NaN while there is none."""
    figures = "[...document.querySelectorAll('dl div')]"
    value = f"{figures}.find(one => one.firstChild.textContent === '{name}').lastChild.firstChild.textContent"
    return f"parseFloat({value}.replace(',', ''))"


@pytest.mark.anyio
async def test_a_browser_shows_rates_and_percentiles_and_what_is_wrong(tmp_path: Path) -> None:
    health = Health()
    upstream = 'wss://relay.example/"<b>'
    (tmp_path / "counts").mkdir()
    with (
        api_metrics(tmp_path / "counts") as api,
        serving(health, "127.0.0.1", 0, api) as port,
    ):
        async with (
            opened(f"http://127.0.0.1:{port}/", tmp_path / "profile") as page,
            trio.open_nursery() as work,
        ):

            async def follow() -> None:
                while True:
                    metrics.FRAMES.labels(upstream).inc(100)
                    metrics.BATCH_SECONDS.labels("write").observe(0.02)
                    metrics.FRAME_TO_COMMIT.observe(0.1)
                    metrics.SEQUENCE.labels(upstream).set(31_500_000_000)
                    health.committed(everything=True)
                    health.beat()
                    await trio.sleep(0.1)

            await page.wait_for("document.getElementById('state').textContent === 'not ready'")
            health.connected(upstream, True)
            metrics.DROPPED.labels("bad_signature").inc(7)
            work.start_soon(follow)
            await page.wait_for("document.getElementById('state').textContent === 'ready'")
            assert 500 < await page.wait_for(_figure("Events")) < 1200
            assert 80 < await page.wait_for(_figure("Frame to commit")) < 120
            cells = "[...document.querySelectorAll('tr')].map(row => [...row.children].map(cell => cell.textContent))"
            rows = await page.evaluate(cells)
            assert [upstream, "yes", "31,500,000,000"] in [row[:3] for row in rows]
            assert ["app.bsky.feed.getTimeline", "3", "0", "1"] in [[row[0], *row[4:]] for row in rows]
            assert ["other", "1", "1", "0"] in [[row[0], *row[4:]] for row in rows]
            # nothing was looked up while the page was open
            assert ["timelines", "\u2013", "0"] in rows
            assert ["bad_signature", "7"] in [[row[0], row[-1]] for row in rows]
            await page.wait_for("document.querySelectorAll('svg .line[d*=L]').length >= 2")
            assert re.fullmatch(r"[\d,]+/s · indexer", await page.evaluate("document.title"))
            assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")

            health.trouble("postgres", "connection refused")
            await page.wait_for(
                "document.getElementById('state').textContent.includes('postgres: connection refused')"
            )
            await page.evaluate("document.getElementById('pause').click()")
            health.trouble("postgres", None)
            await trio.sleep(3)
            assert await page.evaluate("document.getElementById('state').className") == "bad"
            await page.evaluate("document.getElementById('pause').click()")
            await page.wait_for("document.getElementById('state').className === 'good'")
            assert page.errors == []
            work.cancel_scope.cancel()
