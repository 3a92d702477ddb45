"""The result of `indexer bench read` for people: lines of text, and a chart (plain SVG)."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from functools import partial
from typing import Any
from xml.sax.saxutils import escape

from indexer.cli.bench_questions import METHODS

_LOADS = {"sessions": "open sessions", "saturated": "as many questions as it bears"}
_SESSION_FIGURES = (
    "events_per_second",
    "timeline_items_per_second",
    "longest_cache_stage_ms",
    "commit_p99_ms",
    "fanout_p50_ms",
    "fanout_p99_ms",
)
_FIGURES = ("ingest_cost_percent", "cached_timelines", "timeline_entries", "bytes_per_timeline")


def as_text(result: dict[str, Any]) -> str:
    """The result as lines."""
    row = partial("{:<24}{:>12}{:>10}{:>10}{:>10}{:>8}".format)
    lines = [row("method", "connections", "p50 ms", "p99 ms", "req/s", "kB")]
    for name, connections, cell in _cells(result):
        lines.append(row(name, connections, cell["p50_ms"], cell["p99_ms"], cell["rps"], cell["kb"]))
    for name, title in _LOADS.items():
        lines.append(f"{title}, while events flow in:")
        found = result[name]
        lines += [
            row(f"  {asked}", "", cell["p50_ms"], cell["p99_ms"], cell["rps"], cell["kb"])
            for asked, cell in found["asked"].items()
        ]
        lines += [f"  {figure:<28}{json.dumps(found[figure]):>12}" for figure in _SESSION_FIGURES]
        lines += [f"  found kept: {of:<16}{100 * rate:>12.2f} %" for of, rate in found["hit_rates"].items()]
    turns = [
        (name, turn) for name in ("without", "with") for turn in result.get(f"ingest_{name}_timelines", ())
    ]
    for name, turn in turns:
        slow, fast = turn["at_rate"], turn["full_speed"]
        lines.append(
            f"ingest {name} cached timelines: {slow['ingest_us_per_event']} us CPU an event,"
            f" {slow['redis_us_per_event']} of Redis ({slow['timeline_items_per_event']} items to timelines);"
            f" at full speed {fast['events_per_second']:,.0f} events/s ({fast['timeline_items']:,.0f} items,"
            f" timelines {fast['cached_timelines']:,} -> {fast['cached_timelines_after']:,})"
        )
    lines += [f"{name:<30}{json.dumps(result[name]):>12}" for name in _FIGURES if name in result]
    return "\n".join(lines) + "\n"


def _cells(result: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for name in METHODS:
        for connections, cell in result[name].items():
            yield name, connections, cell


def as_svg(result: dict[str, Any]) -> str:
    """p50 and p99 of every method on one connection, and of what open sessions ask, on a logarithmic axis."""
    rows = [(f"{name}, alone", result[name]["1"]) for name in METHODS]
    rows += [(f"{asked}, in sessions", cell) for asked, cell in result["sessions"]["asked"].items()]
    lag = result["sessions"]
    if lag["fanout_p50_ms"] is not None:
        rows.append(("frame to timelines", {"p50_ms": lag["fanout_p50_ms"], "p99_ms": lag["fanout_p99_ms"]}))
    width, left, height_of_row = 760, 200, 30
    height = 60 + height_of_row * len(rows)

    def x(milliseconds: float) -> float:
        return left + (width - left - 20) * (math.log10(min(max(milliseconds, 0.1), 10_000)) + 1) / 5

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}">',
        "<style>text { font: 12px sans-serif }</style>",
        f'<rect width="{width}" height="{height}" fill="white"/>',
        f'<text x="{left}" y="16">p50 (dark) and p99 (light) in ms</text>',
    ]
    for milliseconds in (0.1, 1, 10, 100, 1000, 10_000):
        at = x(milliseconds)
        parts.append(
            f'<path d="M{at:.0f} 26V{height - 24}" stroke="#ccc"/>'
            f'<text x="{at:.0f}" y="{height - 8}" text-anchor="middle">{milliseconds:g}</text>'
        )
    for place, (name, cell) in enumerate(rows):
        y = 34 + height_of_row * place
        for value, colour in ((cell["p99_ms"], "lightsteelblue"), (cell["p50_ms"], "steelblue")):
            parts.append(
                f'<rect x="{left}" y="{y}" width="{x(value) - left:.1f}" height="18" fill="{colour}"/>'
            )
        parts.append(f'<text x="8" y="{y + 14}">{escape(name)}</text>')
    return "".join(parts) + "</svg>\n"
