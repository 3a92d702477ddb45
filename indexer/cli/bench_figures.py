"""What `indexer bench read` reads off the processes under test: their metrics, and the cached timelines in Redis.

Owns how a figure is made of two readings. What goes on between them is the caller's business.
"""

from __future__ import annotations

import time
import urllib.request
from collections.abc import Sequence
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


def total(found: Samples, name: str) -> float:
    """The sum of a metric over its labels, 0 where nothing was counted."""
    return sum(value for (of, _), value in found.items() if of == name)


def percentile_ms(before: Samples, after: Samples, name: str, part: float, **labels: str) -> float | None:
    """Of what a histogram observed in between: the upper edge of the bucket in which the percentile lies."""
    counts = {
        float(dict(found)["le"]): count - before.get((of, found), 0.0)
        for (of, found), count in after.items()
        if of == f"{name}_bucket" and labels.items() <= dict(found).items()
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
    with redis.Redis.from_url(url) as client:
        names = _timeline_names(client)
        pipeline = client.pipeline(transaction=False)
        for name in names:
            pipeline.zcard(name)
        sizes = dict(zip(names, pipeline.execute(), strict=True))
        if not sizes:
            return {"cached_timelines": 0, "timeline_entries": 0, "bytes_per_timeline": None}
        largest = max(sizes, key=lambda name: sizes[name])
        return {
            "cached_timelines": len(sizes),
            "timeline_entries": sizes[largest],
            "bytes_per_timeline": client.memory_usage(largest),
        }


def count_timelines(url: str) -> int:
    """How many timelines are cached."""
    with redis.Redis.from_url(url) as client:
        return len(_timeline_names(client))


def want_timelines(url: str, viewers: Sequence[int]) -> None:
    """Let the writer believe that these accounts (ids) have read their timelines."""
    with redis.Redis.from_url(url) as client:
        epoch = client.get(keys.EPOCH)
        if not isinstance(epoch, bytes):
            raise StoreError("expected a running cache, found no epoch in Redis")
        client.sadd(keys.timeline_reads(epoch.decode()), *viewers)


def redis_cpu(url: str) -> float:
    """Seconds of CPU that the server has taken."""
    with redis.Redis.from_url(url) as client:
        found: Any = client.info("cpu")
        return float(found["used_cpu_user"]) + float(found["used_cpu_sys"])


def _timeline_names(client: Any) -> list[bytes]:
    epoch = client.get(keys.EPOCH)
    if epoch is None:
        return []
    return list(client.scan_iter(keys.of_epoch(epoch.decode(), "timeline:*"), count=5000))


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
