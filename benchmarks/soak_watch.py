"""What is watched of the daemon in a soak: samples, slopes through them, and a picture of its memory."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from child import cpu_s, rss_mb

DAY_S = 86_400.0
WARM = 0.2
"""Share of a life that is not judged: first windows, first alarms, first outage. Each buffer is filled once."""
LEAST = 10
"""Samples; of a day that has fewer nothing is said."""
WIDTH, HEIGHT, EDGE = 900, 300, 50


class Sample(NamedTuple):
    """The daemon at a simulated second; sizes in MB of a million bytes, processor time in seconds."""

    at_s: float
    life: int
    rss_mb: float
    descriptors: int
    threads: int
    disk_mb: float
    cpu_s: float


def sample(pid: int, at_s: float, life: int, state: Path) -> Sample:
    """Look at the process and at its directory."""
    size = sum(path.stat().st_size for path in list(state.rglob("*")) if path.is_file())
    count = {word: sum(1 for _ in Path(f"/proc/{pid}/{word}").iterdir()) for word in ("fd", "task")}
    return Sample(at_s, life, rss_mb(pid), count["fd"], count["task"], size / 1e6, cpu_s(pid))


def last_life(samples: Sequence[Sample]) -> Sequence[Sample]:
    """Return the samples of the last process, without its warm-up."""
    lived = [each for each in samples if each.life == samples[-1].life]
    return lived[int(len(lived) * WARM) :]


def slope(samples: Sequence[Sample], of: Callable[[Sample], float]) -> float:
    """Return the growth in a simulated day: Theil-Sen, the median of the slopes between all pairs of samples."""
    at, value = np.array([each.at_s for each in samples]) / DAY_S, np.array([of(each) for each in samples])
    one, other = np.triu_indices(len(at), 1)
    return float(np.median((value[other] - value[one]) / (at[other] - at[one])))


def line(samples: Sequence[Sample], of: Callable[[Sample], float]) -> float:
    """Return the growth in a simulated day by least squares."""
    at, value = np.array([each.at_s for each in samples]) / DAY_S, np.array([of(each) for each in samples])
    return float(np.polyfit(at, value, 1)[0])


class Day(NamedTuple):
    """One simulated day: medians of what is held; processor time in seconds."""

    day: int
    rss_mb: float
    highest_rss_mb: float
    descriptors: int
    threads: int
    disk_mb: float
    cpu_s: float


def days(samples: Sequence[Sample]) -> list[Day]:
    """Return each day that began; the processor time is that of the last process of the day, over its share of it."""
    found = []
    for number in range(int(samples[-1].at_s // DAY_S) + 1):
        day = [each for each in samples if each.at_s // DAY_S == number]
        lived = [each for each in day if each.life == day[-1].life] if day else []
        if len(lived) < LEAST:
            continue
        share = (lived[-1].at_s - lived[0].at_s) / DAY_S
        found.append(
            Day(
                number + 1,
                float(np.median([each.rss_mb for each in lived])),
                max(each.rss_mb for each in lived),
                int(np.median([each.descriptors for each in lived])),
                int(np.median([each.threads for each in lived])),
                float(np.median([each.disk_mb for each in lived])),
                (lived[-1].cpu_s - lived[0].cpu_s) / share,
            )
        )
    return found


def thirds(samples: Sequence[Sample], of: Callable[[Sample], float]) -> tuple[float, float]:
    """Return the median in the first and in the last third: a reload or an outage holds other things for a moment."""
    third = max(1, len(samples) // 3)
    return float(np.median([*map(of, samples[:third])])), float(np.median([*map(of, samples[-third:])]))


def drift(samples: Sequence[Sample]) -> float:
    """Return by how many per cent more processor time the last third takes than the first."""
    third = max(2, len(samples) // 3)

    def rate(some: Sequence[Sample]) -> float:
        return (some[-1].cpu_s - some[0].cpu_s) / (some[-1].at_s - some[0].at_s)

    return (rate(samples[-third:]) / rate(samples[:third]) - 1) * 100


def picture(samples: Sequence[Sample], marks: Sequence[tuple[float, str]], about: str) -> str:
    """Return an SVG: resident memory over simulated days, a line a life; `marks` are kills and long outages."""
    days, highest = samples[-1].at_s / DAY_S, max(each.rss_mb for each in samples) * 1.1

    def x(at_s: float) -> float:
        return EDGE + at_s / DAY_S / days * (WIDTH - 2 * EDGE)

    def y(mb: float) -> float:
        return HEIGHT - EDGE + -mb / highest * (HEIGHT - 2 * EDGE)

    parts = [f'<text x="{EDGE}" y="20">{about}</text>']
    for mb in range(0, int(highest) + 1, 20):
        parts.append(f'<path d="M{EDGE} {y(mb):.1f}H{WIDTH - EDGE}" stroke="#ddd"/>')
        parts.append(f'<text x="{EDGE - 6}" y="{y(mb) + 4:.1f}" text-anchor="end">{mb}</text>')
    foot = f'y="{HEIGHT - EDGE + 16}" text-anchor="middle"'
    parts += [f'<text x="{x(day * DAY_S):.1f}" {foot}>{day}</text>' for day in range(int(days) + 1)]
    parts.append(f'<text x="{WIDTH - EDGE}" y="{HEIGHT - 12}" text-anchor="end">simulated days; RSS in MB</text>')
    colour = {"kill": "#c00", "long outage": "#e90"}
    for at_s, what in marks:
        parts.append(
            f'<path d="M{x(at_s):.1f} {EDGE}V{HEIGHT - EDGE}" stroke="{colour[what]}"><title>{what}</title></path>'
        )
    for life in sorted({each.life for each in samples}):
        line = " ".join(f"{x(each.at_s):.1f},{y(each.rss_mb):.1f}" for each in samples if each.life == life)
        parts.append(f'<polyline points="{line}" fill="none" stroke="#06c"/>')
    size = f'viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12"'
    return "\n".join([f'<svg xmlns="http://www.w3.org/2000/svg" {size}>', *parts, "</svg>\n"])
