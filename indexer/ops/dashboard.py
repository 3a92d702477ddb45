"""The page on which people see how the index does: dashboard.html, drawn by the browser from the metrics.

The page holds no figures. It asks the server that it came from for /metrics, /health/ready and /metrics/api; the last
are the metrics of the API's processes, fetched here, so that the browser needs to reach one port only.
"""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from functools import cache
from importlib.resources import files
from typing import Final

_API_SECONDS: Final = 2.0

_POLICY: Final = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

HEADERS: Final = (
    ("Content-Type", "text/html; charset=utf-8"),
    ("Cache-Control", "no-cache"),
    ("Content-Security-Policy", _POLICY),
    ("X-Content-Type-Options", "nosniff"),
)


@cache
def page() -> bytes:
    """The page, UTF-8."""
    return files("indexer.ops").joinpath("dashboard.html").read_bytes()


def metrics_of_api(url: str | None) -> tuple[str, bytes]:
    """An HTTP status line and the text of the metrics at `url`, or why there are none."""
    if url is None:
        return "404 Not Found", b"set api_metrics_port to see what the API answers"
    try:
        with _direct.open(url, timeout=_API_SECONDS) as answer:
            return "200 OK", answer.read()
    except (OSError, http.client.HTTPException) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        return "502 Bad Gateway", f"the API's metrics cannot be read at {url}: {reason}".encode()


_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
