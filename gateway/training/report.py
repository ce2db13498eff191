"""What was learned, for people: a page, and the errors over time as SVG."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from gateway.replay.page import iso
from gateway.training.history import History
from gateway.training.lesson import Lesson
from gateway.training.network import widths_of

WIDTH, HEIGHT, LEFT, TOP = 960, 260, 60, 30
DOTS = 3000
"""Most dots of the picture; of more rows every so many is drawn, and each above the threshold."""
COLOURS = ("#7a8794", "#1c4f8f", "#2a9d5c")
STRETCHES = ("fit", "held out", "calibration")
STYLE = "text{font:12px sans-serif;fill:#222}"
WORST = 5


def facts(lesson: Lesson, history: History) -> dict[str, Any]:
    """Return what the file beside the model keeps of the training."""
    return {
        "rows": len(history.values),
        "one_of": history.stride,
        "from": iso(int(history.times_ns[0])),
        "to": iso(int(history.times_ns[-1])),
        "layers": widths_of(history.values.shape[1]),
        "held_out_error": round(lesson.held_error, 6),
    }


def page(lesson: Lesson, history: History, labels: Sequence[str], agreed: str) -> str:
    """Return the report as text."""
    told = facts(lesson, history)
    stretches = (lesson.fit_end, lesson.held_end - lesson.fit_end, len(history.values) - lesson.held_end)
    explained = np.square(lesson.usual / lesson.scaling.scale)
    weak = [k for k in np.argsort(-explained).tolist()[:WORST] if explained[k] > 0.5]
    lines = [
        f"{len(labels)} points, {told['rows']} moments (one of {told['one_of']}) from {told['from']} to {told['to']}",
        f"  stretches    {stretches[0]} fitted, {stretches[1]} held out, {stretches[2]} for the threshold",
        f"  layers       {'-'.join(map(str, told['layers']))}, {len(lesson.model)} bytes",
        f"  held out     error {lesson.held_error:.4f}; 1 would be the mean alone",
        f"  threshold    {lesson.threshold:.4g}, exceeded by {lesson.false_alarms:.3%} of the third stretch",
        f"  agreement    {agreed}",
    ]
    if weak:
        lines.append(f"  hardly told by the others: {', '.join(labels[k] for k in weak)}; they add little here")
    return "\n".join(lines) + "\n"


def picture(lesson: Lesson, history: History) -> str:
    """Return the errors over time as SVG: a dot a row, logarithmic, with the threshold."""
    errors = np.maximum(lesson.errors, 1e-6)
    low, high = np.log10(errors.min()) - 0.1, np.log10(max(errors.max(), lesson.threshold)) + 0.1
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{TOP + HEIGHT + 30}">',
        f"<style>{STYLE}</style>",
        f'<rect width="{WIDTH}" height="{TOP + HEIGHT + 30}" fill="#fff"/>',
    ]

    def y(level: float) -> float:
        return float(TOP + HEIGHT - (np.log10(level) - low) / (high - low) * HEIGHT)

    parts += _dots(lesson, history, errors, y)
    at = y(lesson.threshold)
    parts.append(f'<path d="M{LEFT} {at:.1f}H{WIDTH - 10}" stroke="#d0342c" stroke-dasharray="6 3"/>')
    parts.append(f'<text x="{LEFT}" y="{at - 4:.1f}">threshold {lesson.threshold:.3g}</text>')
    parts += [f'<text x="4" y="{y(level):.1f}">{level:g}</text>' for level in _decades(low, high)]
    parts += [
        f'<text x="{LEFT + 120 * k}" y="18" style="fill:{COLOURS[k]}">{word}</text>' for k, word in enumerate(STRETCHES)
    ]
    parts.append(f'<text x="{LEFT}" y="{TOP + HEIGHT + 20}">{iso(int(history.times_ns[0]))}</text>')
    parts.append(
        f'<text x="{WIDTH - 10}" y="{TOP + HEIGHT + 20}" text-anchor="end">{iso(int(history.times_ns[-1]))}</text>'
    )
    return "\n".join([*parts, "</svg>", ""])


def _dots(lesson: Lesson, history: History, errors: Any, y: Any) -> Iterator[str]:
    times = history.times_ns - history.times_ns[0]
    every = max(1, len(errors) // DOTS)
    length = max(int(times[-1]), 1)
    for k, (begin, end) in enumerate(
        ((0, lesson.fit_end), (lesson.fit_end, lesson.held_end), (lesson.held_end, len(errors)))
    ):
        drawn = [at for at in range(begin, end) if not at % every or errors[at] > lesson.threshold]
        spots = (f"M{LEFT + int(times[at]) / length * (WIDTH - LEFT - 10):.1f} {y(errors[at]):.1f}h0" for at in drawn)
        yield (
            f'<path d="{"".join(spots)}" stroke="{COLOURS[k]}" stroke-width="2" stroke-linecap="round" fill="none"/>'
        )


def _decades(low: float, high: float) -> list[float]:
    return [10.0**k for k in range(int(np.ceil(low)), int(np.floor(high)) + 1)]
