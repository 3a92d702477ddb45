"""Every metric's name, labels and meaning; the packages that do the work count here.

Kept by `prometheus_client` in the process' default registry, which `ops/health.py` serves. Names follow the
Prometheus rules: base units, counters end in _total by themselves.
"""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

_LATENCIES = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

_FINE_LATENCIES = tuple(round(0.001 * 1.1**step, 6) for step in range(108))
"""1 ms to 27 s in steps of a tenth: where a promise is about a percentile."""

# --- firehose ---
FRAMES = Counter("indexer_firehose_frames", "Frames received", ["upstream"])
FRAME_BYTES = Counter("indexer_firehose_bytes", "Bytes of frames received", ["upstream"])
CONNECTED = Gauge("indexer_firehose_connected", "1 while the connection to the upstream stands", ["upstream"])
CONNECTIONS = Gauge("indexer_firehose_connections", "Connections made since the start", ["upstream"])
SEQUENCE = Gauge(
    "indexer_firehose_sequence", "Sequence number that the durable cursor has reached", ["upstream"]
)
LAG = Gauge(
    "indexer_firehose_lag_seconds", "Age of the newest durable event, by the upstream's clock", ["upstream"]
)

# --- events ---
EVENTS = Counter("indexer_events", "Operations and events that were applied", ["kind"])
DROPPED = Counter("indexer_dropped", "Events and records that were dropped, by reason", ["reason"])

# --- batches ---
BATCH_SECONDS = Histogram(
    "indexer_batch_seconds", "Time of a batch in a stage", ["stage"], buckets=_LATENCIES
)
STAGE_CPU = Gauge(
    "indexer_stage_cpu_seconds",
    "CPU time since the start: receiving and hand-overs, decoding, preparing, writing to database and cache",
    ["stage"],
)
BATCH_EVENTS = Histogram(
    "indexer_batch_events",
    "Events in a written batch",
    buckets=(1, 10, 100, 500, 1000, 2500, 5000, 10000, 20000),
)
FRAME_TO_COMMIT = Histogram(
    "indexer_frame_to_commit_seconds",
    "From the receipt of a batch's oldest frame to its commit",
    buckets=_FINE_LATENCIES,
)
FRAME_TO_CACHE = Histogram(
    "indexer_frame_to_cache_seconds",
    "From the receipt of a batch's oldest frame to its items' places in the cached timelines",
    buckets=_FINE_LATENCIES,
)
CACHE_ITEMS = Counter("indexer_cache_items", "Items that were sent to cached timelines")
CACHE_TIMELINES = Gauge("indexer_cache_timelines", "Home timelines that are kept up to date in Redis")
QUEUE_BYTES = Gauge("indexer_queue_bytes", "Bytes that wait before a stage", ["stage"])

# --- repositories ---
REPOSITORIES = Gauge(
    "indexer_repositories", "Repositories that are not in step with the stream, by state", ["state"]
)

# --- labels ---
LABELS = Counter("indexer_labels", "Labels of followed labelers, kept or refused", ["outcome"])

# --- store ---
STORE_RETRIES = Counter(
    "indexer_store_retries", "Transactions that were tried again because Postgres was away"
)
