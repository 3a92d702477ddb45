"""What `indexer bench read` reads off the processes under test: their metrics, and the cached timelines in Redis.

Owns how a figure is made of two readings. What goes on between them is the caller's business.
"""

from __future__ import annotations

import time
import urllib.request
from collections.abc import Iterator
from typing import Any

import redis
from prometheus_client.parser import text_string_to_metric_families

from indexer.cache import keys
from indexer.errors import StoreError

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]
"""A process' metrics: name and labels -> value."""


def samples(port: int) -> Samples:
    """The metrics that are served at `port`."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
        text = answer.read().decode()
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(found: Samples, name: str, **labels: str) -> float:
    """The value of a metric, 0 where nothing was counted."""
    return found.get((name, frozenset(labels.items())), 0.0)


def percentile_ms(before: Samples, after: Samples, name: str, part: float) -> float | None:
    """Of what a histogram without labels observed in between: the upper edge of the bucket in which the percentile lies."""
    counts = {
        float(dict(labels)["le"]): count - before.get((of, labels), 0.0)
        for (of, labels), count in after.items()
        if of == f"{name}_bucket"
    }
    total = counts.get(float("inf"), 0.0)
    if not total:
        return None
    return round(1000 * min(edge for edge, count in counts.items() if count >= part * total), 1)


def hit_rates(before: Samples, after: Samples) -> dict[str, float]:
    """What the API looked up in between -> the part of it that it had or found in Redis."""
    found: dict[str, dict[str, float]] = {}
    for (name, labels), count in after.items():
        if name == "indexer_api_lookups_total":
            named = dict(labels)
            found.setdefault(named["of"], {})[named["outcome"]] = count - before.get((name, labels), 0.0)
    return {
        of: round(outcomes.get("hit", 0.0) / total, 4)
        for of, outcomes in sorted(found.items())
        if (total := outcomes.get("hit", 0.0) + outcomes.get("miss", 0.0))
    }


def timelines(url: str) -> dict[str, Any]:
    """How many timelines are cached, and the bytes of the largest and its entries."""
    none = {"cached_timelines": 0, "timeline_entries": 0, "bytes_per_timeline": None}
    with redis.Redis.from_url(url) as client:
        epoch = client.get(keys.EPOCH)
        if not isinstance(epoch, bytes):
            return none
        found: Iterator[Any] = client.scan_iter(keys.of_epoch(epoch.decode(), "timeline:*"), count=1000)
        sizes = {bytes(name): int(client.zcard(name)) for name in found}
        if not sizes:
            return none
        largest = max(sizes, key=lambda name: sizes[name])
        return {
            "cached_timelines": len(sizes),
            "timeline_entries": sizes[largest],
            "bytes_per_timeline": client.memory_usage(largest),
        }


def wait_for(port: int, path: str) -> None:
    """Wait until a server answers at `port`. Raises StoreError after 30 s."""
    for _ in range(300):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise StoreError(f"nobody answered on port {port} within 30 s")
