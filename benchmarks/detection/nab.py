"""The Numenta Anomaly Benchmark: `pattern` as the daemon runs it, every series a point, each reading in a frame.

Constants were chosen on the 29 series that `datasets/nab` has, by what holds when each is moved and on random halves;
none is of a series. Scored with one threshold for all, the best of each profile, as the benchmark does it.
"""

import csv
import math
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from line import Line
from nab_scorer import Costs, Series, best, read, total, worth
from numpy.typing import NDArray

from detectors.pattern.config import PatternConfig
from detectors.pattern.detector import PatternDetector
from protocols.model import Frame
from protocols.point import DeviceConfig, PointConfig
from protocols.points import Points

NS = 1_000_000_000
PUBLISHED = Path(__file__).with_name("nab_published.csv")
"""Scores of the benchmark's Windowed Gaussian, file by file: results/windowedGaussian of numenta/NAB."""
TARGETS = {"standard": 64.0, "reward_low_FP_rate": 52.0}
ANCHORS = {
    "standard": "Windowed Gaussian 39.6, KNN-CAD 58.0, Numenta TM 64.6",
    "reward_low_FP_rate": "20.9, 43.4, 56.7",
}
BANK, HISTORY, ROUNDS, ROUND = 1000, 4500, 50, 20


def measure(folder: Path) -> Sequence[Line]:
    """Score the series in `folder`/nab.

    Raises:
        FileNotFoundError: they are not there.
    """
    series, profiles = read(folder / "nab")
    rows = [worth(each) for each in series]
    lines = [_against_published(series, profiles["standard"])]
    lines += [_random(series, profiles["standard"])]
    scores = scored(series)
    halves = _halves(len(series))
    for name, costs in profiles.items():
        told, threshold = best(rows, scores, costs)
        apart = [best([rows[k] for k in half], [scores[k] for k in half], costs)[0] for half in halves]
        target = TARGETS.get(name)
        lines.append(
            Line(
                f"{name}, {len(series)} series",
                f"{told:.1f} at {threshold:.2f}; random halves {np.mean(apart):.1f} +- {np.std(apart):.1f}",
                "" if target is None else f"{target:.0f}",
                ANCHORS.get(name, ""),
                None if target is None else told >= target,
            )
        )
    cost, size = _cost()
    lines.append(
        Line("cost of a point, of 1,000 in a bank", f"{cost:.3f} us", "0.1 us", "KNN-CAD 3,000 us", cost <= 0.1)
    )
    lines.append(Line("state", f"{size:.0f} bytes a tag", "1,000 bytes", "", size <= 1000))
    return lines


def scored(series: Sequence[Series]) -> list[NDArray[np.float64]]:
    """Return the detector's score of each row of each series: one gateway, one frame for each time in any of them."""
    points = Points.of([(DeviceConfig(name="nab"), [PointConfig(name=f"s{k}") for k in range(len(series))])])
    detector = PatternConfig().build(points)
    assert isinstance(detector, PatternDetector)
    scores = [np.zeros(len(each.values)) for each in series]
    owner = np.concatenate([np.full(len(each.times), k) for k, each in enumerate(series)])
    row = np.concatenate([np.arange(len(each.times)) for each in series])
    times = np.concatenate([each.times for each in series])
    order = np.lexsort((row, times))
    values = np.full(len(series), np.nan)
    for at in np.split(order, np.flatnonzero(np.diff(times[order])) + 1):
        fresh = np.zeros(len(series), bool)
        for k, n in zip(owner[at].tolist(), row[at].tolist(), strict=True):
            values[k], fresh[k] = series[k].values[n], True
        utc_ns = int(times[at[0]]) * NS
        detector.observe(Frame(utc_ns, utc_ns, values, fresh))
        for k, n in zip(owner[at].tolist(), row[at].tolist(), strict=True):
            scores[k][n] = detector.score[k]
    return scores


def _halves(n: int) -> Sequence[NDArray[np.int64]]:
    rng = np.random.default_rng(0)
    return [rng.permutation(n)[: (n + 1) // 2] for _ in range(40)]


def _random(series: Sequence[Series], costs: Costs) -> Line:
    rng = np.random.default_rng(0)
    told = [best([worth(each) for each in series], [rng.random(len(each.values)) for each in series], costs)[0]
            for _ in range(5)]  # fmt: skip
    silent = best([worth(each) for each in series], [np.zeros(len(each.values)) for each in series], costs, np.inf)[0]
    return Line("silence, and random scores", f"{silent:.1f}, {np.mean(told):.1f}", "0.0", "0 and 16.8", silent == 0)


def _against_published(series: Sequence[Series], costs: Costs) -> Line:
    with PUBLISHED.open(newline="") as file:
        published = {row["file"]: float(row["score"]) for row in csv.DictReader(file)}
    known = [each for each in series if each.name in published]
    equal = sum(
        abs(total(worth(each), _windowed_gaussian(each.values), costs, 1.0) - published[each.name]) < 1e-9
        for each in known
    )
    what = "scorer: Windowed Gaussian against its published scores"
    return Line(what, f"{equal} of {len(known)} files equal", "all", "", equal == len(known))


def _windowed_gaussian(values: NDArray[np.float64], window: int = 6400, step: int = 100) -> NDArray[np.float64]:
    """Return 1 - Q of each value against mean and deviation of the `window` before it, which moves by `step`.

    As published, rounded to 12 digits: that decides which scores are 1.
    """
    scores = np.zeros(len(values))
    mean, deviation = 0.0, 1.0
    sums = np.cumsum(np.concatenate(([0], values)).astype(np.longdouble))
    for k in range(1, len(values)):
        if k <= window or (k - window) % step == 0:
            begin = max(k - window, 0)
            mean = float((sums[k] - sums[begin]) / (k - begin))
            deviation = float(np.std(values[begin:k])) or 1e-6
        z = abs(values[k] - mean) / deviation
        scores[k] = float(f"{1 - 0.5 * math.erfc(z / math.sqrt(2)):.12g}")
    return scores


def _cost() -> tuple[float, float]:
    """Return us of CPU a point, the quickest round of 1,000 tags that have a history, and bytes of state a tag."""
    points = Points.of([(DeviceConfig(name="bank"), [PointConfig(name=f"p{k}") for k in range(BANK)])])
    detector = PatternConfig().build(points)
    assert isinstance(detector, PatternDetector)
    values, fresh = np.random.default_rng(0).normal(100, 1, (HISTORY + ROUNDS * ROUND, BANK)), np.ones(BANK, bool)
    frames = [Frame(k * 60 * NS, k * 60 * NS, row, fresh) for k, row in enumerate(values)]
    for each in frames[:HISTORY]:
        detector.observe(each)
    took = []
    for begin in range(HISTORY, len(frames), ROUND):
        began = time.process_time()
        for each in frames[begin : begin + ROUND]:
            detector.observe(each)
        took.append((time.process_time() - began) / ROUND)
    return min(took) * 1e6 / BANK, sum(array.nbytes for array in detector.state().values()) / BANK
