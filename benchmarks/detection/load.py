"""Load forecasts: the detector itself, hour by hour, through files of load curves, all loads of a file at once.

FOLDER/load and FOLDER/ett hold csv and csv.gz: one column of times, and columns of numbers. A column is a load unless
its name says temperature or price; `OT` is the oil temperature of the ETT data. Half-hourly data is averaged by the
detector, as frames. Loads of other years are moved by whole weeks, so that they run together. What is scored is what
it reports: p10, p50, p90 of each hour, from week four of a series on.

    MASE = mean error of p50 / mean error of the better seasonal naive forecast (the same hour of the last day that is
    known, and of the week before), over the same hours

Constants were chosen on Victoria, the ETT data and the first two years of each PJM area; the rest of PJM checks them.
"""

import csv
import gzip
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from line import Line

from detectors.forecast.config import ForecastConfig
from detectors.kept import Kept
from detectors.model import Report
from protocols.model import Frame
from protocols.point import DeviceConfig, PointConfig
from protocols.points import Points

H_NS, HOUR_S = 3_600_000_000_000, 3600
AHEAD = 48
SHOWN = (1, 24, 48)
BURN_IN_H = 4 * 168
LONGEST_H = 3 * 8766
"""Of a longer series its last three years are taken: a decade tells nothing else."""
WEEK_H = 168
NO_LOAD = ("temp", "price", "holiday", "wind", "humid", "solar")
OIL = "ot"
VICTORIA = {1: (1.2, "DSHW 1.1"), 24: (4.5, "DSHW 4.2")}
"""Targets in per cent, and what others reach."""


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """A load: `times` int64[n] ascending, seconds since 1970; `values` float64[n]."""

    name: str
    times: np.ndarray
    values: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """What a detector reported of a series: `path` float64[3, AHEAD, hours] for each hour, `actual` float64[hours]."""

    name: str
    path: np.ndarray
    actual: np.ndarray


def measure(folder: Path) -> Sequence[Line]:
    """Return one line a series and horizon, then cost."""
    files = [file for part in ("load", "ett") for file in sorted((folder / part).glob("*.csv*"))]
    if not files:
        raise FileNotFoundError(2, "no load curves", str(folder / "load"))
    lines, spent, hours = [], 0.0, 0
    for file in files:
        series = list(read(file))
        if series:
            began = time.process_time()
            runs = run(series)
            spent, hours = spent + time.process_time() - began, hours + sum(len(each.actual) for each in runs)
            lines += [line for each in runs for line in scored(each)]
    size = state_bytes()
    return [
        *lines,
        Line("CPU a load and hour, with this benchmark", f"{1e6 * spent / max(hours, 1):.0f} us"),
        Line("CPU a load and hour, of 100 loads", f"{cost(100):.0f} us"),
        Line("state of a load", f"{size} bytes", "<= 2500", met=size <= 2500),
    ]


def read(file: Path) -> Iterator[Series]:
    """Yield the loads of a file."""
    content = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
    head, *rows = list(csv.reader(content.decode().splitlines()))
    columns = list(zip(*rows, strict=True))
    clock = next((k for k, column in enumerate(columns) if _is_time(column[0])), None)
    if clock is None:
        return
    times = np.array([_seconds(text) for text in columns[clock]], np.int64)
    order = np.argsort(times, kind="stable")
    for k, column in enumerate(columns):
        values = _numbers(column) if k != clock and _is_load(head[k]) else None
        if values is not None:
            known = order[np.isfinite(values[order])]
            if len(known) > BURN_IN_H and len(np.unique(values[known])) > 2:
                yield _last(Series(f"{file.name.split('.')[0]} {head[k]}", times[known], values[known]))


def run(series: Sequence[Series]) -> Sequence[Run]:
    """Drive the detector through `series`: a frame for each of their times, and one for each hour between."""
    aligned = _aligned(series)
    detector = ForecastConfig(points=("load.*",)).build(_points(len(aligned)))
    first = min(int(each.times[0]) for each in aligned) // HOUR_S
    hours = max(int(each.times[-1]) for each in aligned) // HOUR_S - first + 1
    path = np.full((len(aligned), 3, AHEAD, hours + AHEAD + 1), np.nan)
    at = np.arange(AHEAD)
    for frame in _frames(aligned):
        for said in detector.observe(frame):
            if isinstance(said, Report):
                start = round(datetime.fromisoformat(said.body["start"]).timestamp()) // HOUR_S - first
                told = np.array([said.body[key] for key in ("p10", "p50", "p90")])
                path[int(said.subject.removeprefix("load.p")), :, at, start + at] = told.T
    return [Run(each.name, path[k, :, :, :hours], _means(each, first, hours)) for k, each in enumerate(aligned)]


def scored(each: Run) -> Iterator[Line]:
    """Yield a line for each horizon that is shown."""
    for ahead in SHOWN:
        low, middle, high = each.path[:, ahead - 1]
        days = 24 * -(-ahead // 24)
        naives = [_shifted(each.actual, lag) for lag in (days, 168)]
        judged = np.isfinite(each.actual) & np.isfinite(middle) & np.isfinite(naives[0]) & np.isfinite(naives[1])
        judged[:BURN_IN_H] = False
        actual, error = each.actual[judged], np.abs(each.actual - middle)[judged]
        others = [np.abs(each.actual - naive)[judged] for naive in naives]
        best = min(float(other.mean()) for other in others)
        mase = float(error.mean()) / best if best else float("nan")
        inside = float(((actual >= low[judged]) & (actual <= high[judged])).mean())
        shares = [f"{_percent(size, actual):.2f} %" for size in (error, *others)]
        measured = f"MASE {mase:.3f}, MAPE {shares[0]}, p10-p90 holds {100 * inside:.0f} %"
        target, met = "MASE < 1", mase < 1
        anchor = f"naive: day {shares[1]}, week {shares[2]}"
        if "vic_electricity" in each.name and ahead in VICTORIA:
            most, other = VICTORIA[ahead]
            target, anchor = f"MASE < 1, MAPE <= {most}", f"{other}; {anchor}"
            met = met and _percent(error, actual) <= most
        yield Line(f"{each.name}, {ahead} h", measured, target, anchor, met)


def cost(loads: int) -> float:
    """Return the CPU time of an hour and load, of so many together; microseconds."""
    detector, hours = ForecastConfig(points=("load.*",)).build(_points(loads)), 24 * 7
    values = 10 + np.random.default_rng(1).normal(size=(2 * hours, loads))
    fresh = np.ones(loads, np.bool_)
    for hour in range(hours):
        detector.observe(Frame(hour * H_NS, hour * H_NS, values[hour], fresh))
    began = time.process_time()
    for hour in range(hours, 2 * hours):
        detector.observe(Frame(hour * H_NS, hour * H_NS, values[hour], fresh))
    return (time.process_time() - began) * 1e6 / hours / loads


def state_bytes() -> int:
    """Return the size of the state of one load of a hundred."""
    detector = ForecastConfig(points=("load.*",)).build(_points(100))
    assert isinstance(detector, Kept)
    return sum(array.nbytes for array in detector.state().values()) // 100


def _aligned(series: Sequence[Series]) -> Sequence[Series]:
    """Move what ended in earlier weeks to the last one: the hours of day and week stay what they are."""
    week_s = WEEK_H * HOUR_S
    last = max(int(each.times[-1]) // week_s for each in series)
    shifts = [(last - int(each.times[-1]) // week_s) * week_s for each in series]
    return [Series(each.name, each.times + shift, each.values) for each, shift in zip(series, shifts, strict=True)]


def _frames(series: Sequence[Series]) -> Iterator[Frame]:
    """Yield a frame for each time of any of them; a load that has none then is not known."""
    begins, ends = min(each.times[0] for each in series), max(each.times[-1] for each in series)
    times = np.unique(np.concatenate([*(each.times for each in series), np.arange(begins, ends, HOUR_S)]))
    values = np.full((len(times), len(series)), np.nan)
    for k, each in enumerate(series):
        values[np.searchsorted(times, each.times), k] = each.values
    for at_s, row in zip(times.tolist(), values, strict=True):
        yield Frame(at_s * 10**9, at_s * 10**9, row, np.isfinite(row))


def _points(loads: int) -> Points:
    points = [PointConfig(name=f"p{k}") for k in range(loads)]
    return Points.of([(DeviceConfig(name="load"), points)])


def _means(series: Series, first: int, hours: int) -> np.ndarray:
    at = series.times // HOUR_S - first
    count = np.bincount(at, minlength=hours)
    total = np.bincount(at, series.values, hours)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _shifted(values: np.ndarray, by: int) -> np.ndarray:
    return np.concatenate([np.full(by, np.nan), values[:-by]])


def _percent(error: np.ndarray, actual: np.ndarray) -> float:
    """Mean absolute percentage error, over the hours in which there was a load."""
    loaded = np.abs(actual) > 0.01 * np.abs(actual).mean()
    return 100 * float((error[loaded] / np.abs(actual[loaded])).mean())


def _last(series: Series) -> Series:
    kept = series.times > series.times[-1] - LONGEST_H * HOUR_S
    return Series(series.name, series.times[kept], series.values[kept])


def _is_load(name: str) -> bool:
    return name.lower() != OIL and not any(word in name.lower() for word in NO_LOAD)


def _is_time(text: str) -> bool:
    try:
        return _seconds(text) > 0 and not text.replace(".", "").isdigit()
    except ValueError:
        return False


def _seconds(text: str) -> int:
    instant = datetime.fromisoformat(text)
    return int((instant if instant.tzinfo else instant.replace(tzinfo=UTC)).timestamp())


def _numbers(column: Sequence[str]) -> np.ndarray | None:
    try:
        return np.array([float(text) if text else np.nan for text in column])
    except ValueError:
        return None
