"""The flagged stretch as SVG: a panel a point, its value, what was expected, and when it was an alarm. No library."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape

import numpy as np

from gateway.number import shown
from gateway.replay.page import iso
from gateway.replay.story import Raised, Story
from gateway.replay.traces import Traces
from protocols.points import Points

PANELS, WIDTH, HEIGHT = 4, 960, 150
LEFT, TOP, GAP = 90, 34, 46
MARGIN = 0.35
"""Share of the flagged time that is shown before and after it."""
LEAST_NS = 60_000_000_000
"""Shown before and after at least."""
COLOURS = {"info": "#3b7dd8", "warning": "#d99a00", "critical": "#d0342c", "emergency": "#8b0000"}
EXPECTED = "#2a9d5c"
STYLE = "text{font:12px sans-serif;fill:#222}.s{font-size:11px;fill:#666}"


@dataclass(frozen=True, slots=True)
class Subject:
    """What a picture is of: `rows`, a panel each, and the stretch of time."""

    rows: tuple[int, ...]
    from_ns: int
    to_ns: int


def subject_of(story: Story, points: Points, first_ns: int, last_ns: int) -> Subject | None:
    """Return what to draw: the points of the worst alarms, around the time of the first of them; None without any."""
    rows: dict[int, Raised] = {}
    ranked = sorted(story.raised, key=lambda each: (-each.alarm.severity.rank, -each.alarm.score, each.from_ns))
    for each in ranked:
        for row in _rows(each, points)[: max(PANELS - len(rows), 0)]:
            rows.setdefault(row, each)
    if not rows:
        return None
    chosen = list(rows.values())
    begin, end = chosen[0].from_ns, chosen[0].until_ns or last_ns
    near = [each for each in chosen if begin <= (each.until_ns or last_ns) and each.from_ns <= end]
    begin, end = min(each.from_ns for each in near), max(each.until_ns or last_ns for each in near)
    room = max(int((end - begin) * MARGIN), LEAST_NS, (last_ns - first_ns) // 100)
    return Subject(tuple(rows), max(begin - room, first_ns), min(end + room, last_ns) + 1)


def picture(story: Story, points: Points, traces: Traces) -> str:
    """Return the SVG."""
    height = TOP + len(traces.rows) * (HEIGHT + GAP) + 10
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}">',
        f"<style>{STYLE}</style>",
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
        _text(LEFT, 20, f"{iso(traces.from_ns)} to {iso(traces.to_ns)}", "s"),
    ]
    for k, row in enumerate(traces.rows):
        parts += _Panel(story, points, traces, k, row).drawn()
    return "\n".join([*parts, "</svg>", ""])


class _Panel:
    """One point: the scales of its panel, and what is in it."""

    def __init__(self, story: Story, points: Points, traces: Traces, k: int, row: int) -> None:
        self._points, self._traces, self._k, self._row = points, traces, k, row
        self._marks = [each for each in story.raised if row in _rows(each, points) and self._visible(each)]
        self._top = TOP + k * (HEIGHT + GAP) + 18
        known = (
            [np.nanmin(traces.least[k]), np.nanmax(traces.greatest[k])] if np.isfinite(traces.least[k]).any() else []
        )
        levels = [*known, *(band for each in self._marks for band in self._band(each) if known)]
        low, high = (min(levels), max(levels)) if levels else (0.0, 1.0)
        room = (high - low) * 0.06 or max(abs(high), 1.0) * 0.01
        self._low, self._high = low - room, high + room

    def drawn(self) -> Iterator[str]:
        """Yield the elements: marks below, then what was expected, the value on top, and the words."""
        label, unit = self._points.label(self._row), self._points.configs[self._row].unit
        yield _text(LEFT, self._top - 5, f"{label} {f'[{unit}]' if unit else ''}".rstrip())
        width = WIDTH - LEFT - 10
        yield f'<rect x="{LEFT}" y="{self._top}" width="{width}" height="{HEIGHT}" fill="#fafafa" stroke="#ccc"/>'
        for each in self._marks:
            yield from self._mark(each)
        yield from self._line()
        for level in (self._low, self._high):
            yield _text(4, self._y(level) + (4 if level == self._low else 10), shown(level), "s")

    def _mark(self, each: Raised) -> Iterator[str]:
        begin, end = self._x(each.from_ns), self._x(each.until_ns or self._traces.to_ns)
        colour, width = COLOURS[each.alarm.severity.value], max(end - begin, 1.5)
        yield (
            f'<rect x="{begin:.1f}" y="{self._top}" width="{width:.1f}" height="{HEIGHT}" fill="{colour}"'
            f' fill-opacity="0.15"><title>{escape(each.alarm.text)}</title></rect>'
        )
        if each.from_ns >= self._traces.from_ns:
            yield f'<path d="M{begin:.1f} {self._top}l5 -8h-10z" fill="{colour}"/>'
        band = self._band(each)
        if band:
            top, bottom = self._y(max(band)), self._y(min(band))
            look = f'fill="{EXPECTED}" fill-opacity="0.2" stroke="{EXPECTED}" stroke-dasharray="4 3"'
            around = f"M{begin:.1f} {top:.1f}h{width:.1f}v{bottom - top:.1f}h{-width:.1f}z"  # a line where both are one
            yield f'<path d="{around}" {look}/>'

    def _line(self) -> Iterator[str]:
        """Yield the value: a line through the bins, up and down where a bin has more than one reading."""
        times, k = self._traces.times_ns(), self._k
        known = np.flatnonzero(np.isfinite(self._traces.least[k]))
        spots: list[str] = []
        for at in known.tolist():
            x = self._x(float(times[at]))
            least, greatest = self._traces.least[k, at], self._traces.greatest[k, at]
            spots.append(f"{x:.1f},{self._y(float(least)):.1f}")
            if greatest != least:
                spots.append(f"{x:.1f},{self._y(float(greatest)):.1f}")
        if spots:
            yield f'<polyline points="{" ".join(spots)}" fill="none" stroke="#1c4f8f" stroke-width="1.2"/>'

    def _band(self, each: Raised) -> Sequence[float]:
        """Return what was expected of this point, if the alarm says it: a level, or the two ends of a band."""
        evidence = each.alarm.evidence
        low, high = evidence.get("low"), evidence.get("high")
        if len(each.alarm.points) != 1:
            low = high = self._fits(evidence.get("points"))
        elif low is None or high is None:
            low = high = each.alarm.expected
        ends = [float(end) for end in (low, high) if isinstance(end, int | float) and np.isfinite(end)]
        return ends if len(ends) == 2 else ()

    def _fits(self, listed: Any) -> Any:
        """Return what fits in the place of this point, where an alarm of several points tells it of each."""
        label = self._points.label(self._row)
        told = listed if isinstance(listed, Sequence) and not isinstance(listed, str) else ()
        return next((one.get("fits") for one in told if isinstance(one, Mapping) and one.get("point") == label), None)

    def _visible(self, each: Raised) -> bool:
        return each.from_ns < self._traces.to_ns and (not each.until_ns or each.until_ns >= self._traces.from_ns)

    def _x(self, time_ns: float) -> float:
        share = (time_ns - self._traces.from_ns) / (self._traces.to_ns - self._traces.from_ns)
        return LEFT + min(max(share, 0.0), 1.0) * (WIDTH - LEFT - 10)

    def _y(self, value: float) -> float:
        return self._top + HEIGHT - (value - self._low) / (self._high - self._low) * HEIGHT


def _rows(each: Raised, points: Points) -> list[int]:
    """Return the rows of the alarm's points: those of its device go by their name, others by DEVICE.POINT."""
    index = {points.label(row): row for row in range(len(points))}
    named = (index.get(f"{each.alarm.device}.{name}", index.get(name)) for name in each.alarm.points)
    return [row for row in named if row is not None]


def _text(x: float, y: float, words: str, kind: str = "") -> str:
    which = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y:.1f}"{which}>{escape(words)}</text>'
