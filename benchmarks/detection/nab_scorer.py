"""The score of the Numenta Anomaly Benchmark, written from its paper and held against its published results.

Lavin and Ahmad, "Evaluating Real-time Anomaly Detection Algorithms", ICMLA 2015. A window of rows stands for each
anomaly. What is found in it counts once, by its first row; the earlier, the more:

    S(y) = 2 / (1 + exp(5 y)) - 1       y from -1 at the left edge of a window to 0 at its right; what is found behind
                                        it, y > 0, costs up to 1, and so does what lies three widths away, or before any

    score = sum of found windows * tp + sum of false alarms * fp - missed windows * fn
    told  = 100 * (score - that of silence) / (that of a perfect detector - that of silence)

The first 15 % of a series, 750 rows at most, are for learning: neither hits nor false alarms count there. One threshold
holds for all series; the benchmark takes the best for each profile of costs.
"""

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

PROBATION = 0.15
PROBATION_ROWS = 5000
FAR = 3.0
"""So many widths behind a window a false alarm costs it all."""
LEARNING, OUTSIDE = -2, -1
"""In `Worth.window`: rows of the probationary period, and rows outside windows."""


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """One file: its name, UTC seconds int64[n], values float64[n], and the first and last row of each window."""

    name: str
    times: NDArray[np.int64]
    values: NDArray[np.float64]
    windows: Sequence[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Costs:
    """What a found window, a false alarm and a missed window are worth."""

    tp: float
    fp: float
    fn: float


def read(folder: Path) -> tuple[Sequence[Series], Mapping[str, Costs]]:
    """Return the series below `folder`/data that have labels, and the profiles of costs.

    Raises:
        FileNotFoundError: there is no such folder.
    """
    labels = json.loads((folder / "labels" / "combined_windows.json").read_text())
    profiles = json.loads((folder / "profiles.json").read_text())
    costs = {
        name: Costs(matrix["tpWeight"], matrix["fpWeight"], matrix["fnWeight"])
        for name, profile in profiles.items()
        for matrix in [profile["CostMatrix"]]
    }
    files = {path.relative_to(folder / "data").as_posix(): path for path in sorted((folder / "data").rglob("*.csv"))}
    return [_series(name, path, labels[name]) for name, path in files.items() if name in labels], costs


def _series(name: str, path: Path, windows: Sequence[Sequence[str]]) -> Series:
    with path.open(newline="") as file:
        rows = [(row["timestamp"], row["value"]) for row in csv.DictReader(file)]
    times = np.array([text for text, _ in rows], "datetime64[s]").astype(np.int64)
    first_of = {int(time): row for row, time in reversed([*enumerate(times)])}
    bounds = np.array(windows, "datetime64[s]").astype(np.int64).reshape(-1, 2)
    values = np.array([float(value) for _, value in rows])
    return Series(name, times, values, [(first_of[begin], first_of[end]) for begin, end in bounds.tolist()])


@dataclass(frozen=True, slots=True, eq=False)
class Worth:
    """What each row of a series would be worth, found: `window` int64[n] its window or a word, `value` float64[n]."""

    window: NDArray[np.int64]
    value: NDArray[np.float64]


def worth(series: Series) -> Worth:
    """Return what each row of `series` is worth; a hit at the left edge of a window is 1, a false alarm -1 at most."""
    row = np.arange(len(series.values))
    window, value = np.full(len(row), OUTSIDE), np.full(len(row), -1.0)
    for number, (first, last) in enumerate(series.windows):
        inside, width = slice(first, last + 1), last - first + 1
        window[inside] = number
        value[inside] = _sigmoid((row[inside] - last - 1) / width) / _sigmoid(np.array([-1.0]))
        value[last + 1 :] = _sigmoid((row[last + 1 :] - last) / (width - 1))
    probation = min(np.floor(PROBATION * len(row)), PROBATION * PROBATION_ROWS)
    window[row < probation] = LEARNING
    return Worth(window, value)


def _sigmoid(y: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(y >= FAR, -1.0, 2 / (1 + np.exp(5 * np.minimum(y, FAR))) - 1)


def curve(rows: Worth, scores: NDArray[np.float64], costs: Costs) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the thresholds that matter, falling, and the series' total for each: rows score at least that much.

    The first threshold is infinite: nothing is found.
    """
    scored = rows.window != LEARNING
    order = np.argsort(-scores[scored], kind="stable")
    window, value, score = (each[scored][order] for each in (rows.window, rows.value, scores))
    change = np.where(window == OUTSIDE, value * costs.fp, 0.0)
    numbers = np.unique(window[window >= 0])
    for number in numbers:
        mine = np.flatnonzero(window == number)
        best = np.maximum.accumulate(np.concatenate(([-costs.fn], value[mine] * costs.tp)))
        change[mine] = np.diff(best)
    last = np.append(score[1:] != score[:-1], values=True) if len(score) else np.zeros(0, bool)
    silence = -costs.fn * len(numbers)
    totals = np.concatenate(([silence], silence + np.cumsum(change)[last]))
    return np.concatenate(([np.inf], score[last])), totals


def total(rows: Worth, scores: NDArray[np.float64], costs: Costs, threshold: float) -> float:
    """Return what one series earns at `threshold`."""
    thresholds, totals = curve(rows, scores, costs)
    return float(totals[np.flatnonzero(thresholds >= threshold)[-1]])


def best(
    series: Sequence[Worth], scores: Sequence[NDArray[np.float64]], costs: Costs, threshold: float | None = None
) -> tuple[float, float]:
    """Return the score told, 100 for perfect and 0 for silence, and its threshold: the best one unless it is given."""
    offsets = np.cumsum([0, *(each.window.max(initial=-1) + 1 for each in series)])
    window = [
        np.where(each.window >= 0, each.window + at, each.window) for each, at in zip(series, offsets, strict=False)
    ]
    joined = Worth(np.concatenate(window), np.concatenate([each.value for each in series]))
    thresholds, totals = curve(joined, np.concatenate(scores), costs)
    chosen = int(totals.argmax()) if threshold is None else int(np.flatnonzero(thresholds >= threshold)[-1])
    windows = len(np.unique(joined.window[joined.window >= 0]))
    silence, perfect = -costs.fn * windows, costs.tp * windows
    return 100 * float(totals[chosen] - silence) / (perfect - silence), float(thresholds[chosen])
