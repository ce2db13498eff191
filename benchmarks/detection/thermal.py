"""Transformers: the thermal model against its oracle, and against the oil of a real one.

The oracle's cases are the golden file of the tests. The real one (transformer/) has no rating in its data: 250 kVA and
so 361 A are assumed, and the tables of the standard for a distribution transformer; nothing was fitted to it. Its
thermometer breaks now and then (OTI above 150): that is no cooling failure. The loads of ett/ come without rating and
ambient, so a thermal model has nothing to say of them.
"""

import csv
import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import numpy as np
from line import Line

from detectors.assets.thermal import ThermalConfig, ThermalDetector
from detectors.assets.thermal_config import ThermalUnit
from detectors.model import Finding
from protocols.model import Frame
from protocols.point import DeviceConfig, PointConfig, Role
from protocols.points import Points

GOLDEN = Path(__file__).parents[2] / "tests" / "detectors" / "assets" / "thermal_golden.json"
KEYS = (
    "oil_rise_k", "hot_spot_rise_k", "loss_ratio", "oil_exponent", "winding_exponent",
    "k11", "k21", "k22", "oil_minutes", "winding_minutes",
)  # fmt: skip
RATED_A = 250_000 / (np.sqrt(3) * 400)
BROKEN_C = 150.0
CURRENTS = ("IL1", "IL2", "IL3")
DAY_S = 86_400


def measure(folder: Path) -> Sequence[Line]:
    """Return the agreement with the oracle, and the errors of the real transformers."""
    oracle = max(_oracle(case) for case in json.loads(GOLDEN.read_text()))
    lines = [Line("largest difference from the oracle", f"{oracle:.1e} K", "1e-6 K", "", oracle < 1e-6)]
    return [*lines, *_real(folder / "transformer")]


def _detector(config: ThermalConfig, rating: float) -> ThermalDetector:
    roles = [
        PointConfig(name=p, role=Role(transformer="t1", quantity="current", phase=p, rating=rating)) for p in "abc"
    ]
    roles += [PointConfig(name=q, role=Role(transformer="t1", quantity=f"{q}_temperature")) for q in ("ambient", "oil")]
    built = config.build(Points.of([(DeviceConfig(name="d"), roles)]))
    assert isinstance(built, ThermalDetector)
    return built


def _frame(at_s: float, values: Sequence[float]) -> Frame:
    row = np.array(values)
    return Frame(time_ns=int(at_s * 1e9), utc_ns=int(at_s * 1e9), values=row, fresh=~np.isnan(row))


def _oracle(case: dict[str, list[float]]) -> float:
    """Return the largest difference of top oil and hot spot, K."""
    unit = ThermalUnit(name="t1", **dict(zip(KEYS, case["build"], strict=True)))
    detector, worst = _detector(ThermalConfig(transformers=(unit,)), 1.0), 0.0
    steps = zip(case["minutes"], case["load"], case["ambient"], case["oil"], case["hot_spot"], strict=True)
    for minute, load, ambient, oil, hot_spot in steps:
        detector.observe(_frame(1e9 + 60 * minute, (load, load, load, ambient, np.nan)))
        worst = max(worst, abs(detector.expected[0] - oil), abs(detector.hot_spot[0] - hot_spot))
    return float(worst)


def _real(folder: Path) -> Sequence[Line]:
    seconds, values = _merged(folder)
    detector = _detector(ThermalConfig(size="distribution"), float(RATED_A))
    errors, said = np.full(len(seconds), np.nan), []
    for k, (at_s, row) in enumerate(zip(seconds.tolist(), values, strict=True)):
        said += [each for each in detector.observe(_frame(at_s, row)) if isinstance(each, Finding) and each.active]
        errors[k] = detector.excess[0] if detector.known[0] else np.nan
    sound = np.where(values[:, 4] < BROKEN_C, values[:, 4], np.nan)
    later = seconds > seconds[0] + 14 * DAY_S
    rise = sound - values[:, 3]
    constant = np.nanmean(np.abs(rise - np.nanmean(rise[~later]))[later])
    days = (seconds[-1] - seconds[0]) / DAY_S
    raised = sum(each.kind == "thermal" for each in said)
    return [
        Line(
            "real transformer, oil after 14 days: mean error",
            f"{np.nanmean(np.abs(errors[later])):.2f} K",
            "",
            f"ambient and a constant {constant:.2f} K",
        ),
        Line(f"cooling alarms in {days:.0f} days", str(raised), "0", "", raised == 0),
        Line("rows with a broken thermometer, none of them an alarm", str(int((values[:, 4] >= BROKEN_C).sum()))),
    ]


def _merged(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return seconds and rows of three currents, ambient and oil, at the times of the temperatures."""
    loads, temperatures = _read(folder / "CurrentVoltage.csv"), _read(folder / "Overview.csv")
    at_s, load_s = (np.array([_seconds(row) for row in rows]) for rows in (temperatures, loads))
    latest = np.searchsorted(load_s, at_s, side="right") - 1
    known = (latest >= 0) & (at_s - load_s[latest] < 3600)
    currents = np.array([[float(row[key]) for key in CURRENTS] for row in loads])[latest]
    currents[~known] = np.nan
    warm = np.array([[float(row["ATI"]), float(row["OTI"])] for row in temperatures])
    return at_s, np.column_stack([currents, warm])


def _read(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


def _seconds(row: dict[str, str]) -> float:
    return datetime.fromisoformat(row["DeviceTimeStamp"] + "+00:00").timestamp()
