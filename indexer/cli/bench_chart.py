"""The chart of `indexer bench ingest`: durable events a second, and the memory of the ingest process, over time.

Plain SVG, so that a report or a browser shows it as it is. Knows only the result's samples.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Any
from xml.sax.saxutils import escape

WIDTH, LEFT, RIGHT = 860, 84, 24
PANEL, GAP, TOP = 220, 64, 78
MOST_POINTS = 120


def as_svg(result: dict[str, Any]) -> str:
    """Return the chart of a result of `bench_ingest.run`."""
    samples: list[list[float]] = result["samples"]
    began = samples[0][0]
    times = [sample[0] - began for sample in samples]
    end = max(times[-1], 1e-9)
    points = min(MOST_POINTS, max(2, len(samples) - 1))
    marks = [end * place / points for place in range(points + 1)]
    counts = [_at(times, [sample[1] for sample in samples], mark) for mark in marks]
    rates = [
        (later, (after - before) / (later - earlier))
        for earlier, later, before, after in zip(marks, marks[1:], counts, counts[1:], strict=False)
    ]
    memory = [(at, sample[2] / 2**20) for at, sample in zip(times, samples, strict=True)]
    height = TOP + 2 * PANEL + GAP + 46
    title = f"{result['events']:,} events, {result['verify']} checked: {result['events_per_second']:,.0f} events/s"
    per_event = ", ".join(
        f"{name} {value:.1f}" for name, value in result["cpu_microseconds_per_event"].items()
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}"'
        ' font-family="sans-serif" font-size="12" fill="#222">'
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>'
        f'<text x="{LEFT}" y="24" font-size="16" font-weight="bold">{escape(title)}</text>'
        f'<text x="{LEFT}" y="42" fill="#555">{escape(f"CPU microseconds an event: {per_event}")}</text>'
        + _panel("durable events per second", rates, end, TOP, "#3572a5", mean=result["events_per_second"])
        + _panel("memory of the ingest process, MB", memory, end, TOP + PANEL + GAP, "#b3592b", mean=None)
        + f'<text x="{LEFT + (WIDTH - LEFT - RIGHT) / 2}" y="{height - 8}" text-anchor="middle">seconds</text></svg>\n'
    )


def _at(times: list[float], values: list[float], time: float) -> float:
    """The value at a time, interpolated."""
    place = min(max(bisect_right(times, time), 1), len(times) - 1)
    if place == 0:
        return values[0]
    width = times[place] - times[place - 1]
    part = min(max((time - times[place - 1]) / width, 0.0), 1.0) if width else 1.0
    return values[place - 1] + (values[place] - values[place - 1]) * part


def _step(most: float) -> float:
    """The distance of grid lines, so that there are four to nine: 1, 2 or 5 times a power of ten."""
    step = 10.0 ** (len(str(int(most))) - 1) if most >= 1 else 0.1
    while most / step < 4:
        step /= 2 if str(step).strip("0.")[:1] in ("1", "2") else 2.5
    return step


def _panel(
    title: str, points: list[tuple[float, float]], end: float, top: int, colour: str, *, mean: float | None
) -> str:
    most = max(max(value for _, value in points), mean or 0.0, 1e-9) * 1.05
    inner = WIDTH - LEFT - RIGHT
    bottom = top + PANEL

    def x(at: float) -> float:
        return LEFT + inner * at / end

    def y(value: float) -> float:
        return bottom - PANEL * value / most

    parts = [f'<text x="{LEFT}" y="{top - 8}" font-weight="bold">{escape(title)}</text>']
    step = _step(most)
    for number in range(int(most / step) + 1):
        at = y(number * step)
        parts.append(
            f'<path d="M{LEFT} {at:.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>'
            f'<text x="{LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">{number * step:,.10g}</text>'
        )
    step = _step(end)
    for number in range(int(end / step) + 1):
        at = x(number * step)
        parts.append(
            f'<path d="M{at:.1f} {top}V{bottom}" stroke="#eee"/>'
            f'<text x="{at:.1f}" y="{bottom + 16}" text-anchor="middle">{number * step:,.10g}</text>'
        )
    if mean is not None:
        parts.append(
            f'<path d="M{LEFT} {y(mean):.1f}H{WIDTH - RIGHT}" stroke="{colour}" stroke-dasharray="6 4" opacity="0.7"/>'
            f'<text x="{WIDTH - RIGHT - 4}" y="{y(mean) - 6:.1f}" text-anchor="end" fill="{colour}">'
            f"mean {mean:,.0f}</text>"
        )
    line = " ".join(f"{x(at):.1f},{y(value):.1f}" for at, value in points)
    parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
    parts.append(f'<path d="M{LEFT} {top}V{bottom}H{WIDTH - RIGHT}" fill="none" stroke="#222"/>')
    return "".join(parts)
