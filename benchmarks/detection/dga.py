"""Dissolved gas: does the fault that is told agree with the label, and is a sound transformer left alone?

Each analysis is a transformer of its own, seen twice a quarter of an hour apart, through the detector as it comes. No
constant was fitted: limits of zones, ratios and gates are the standard's. That ratios go before the triangle was
chosen on imedpsd_train506; the other files are the check.
"""

import csv
import json
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from line import Line

from detectors.assets.dissolved_gas import DissolvedGasConfig
from detectors.model import Finding, Report
from protocols.model import Frame
from protocols.point import DeviceConfig, PointConfig, Role
from protocols.points import Points

GASES = ("hydrogen", "methane", "ethane", "ethylene", "acetylene")
IMEDPSD = ("H2", "CH4", "C2H6", "C2H4", "C2H2")
RAW = ("Hydrogen (H2)", "Methane (CH4)", "Ethane (C2H6)", "Ethylene (C2H4)", "Acetylene (C2H2)")
FAULTS = ("PD", "D1", "D2", "T1", "T2", "T3")
KINDS = {
    "Electrical Fault": "D", "Discharge": "D", "Thermal Fault": "T", "Thermal": "T", "PD": "P", "No Fault": "",
    "Healthy": "",
}  # fmt: skip
"""What the labels of barhdadi say: discharge, thermal, partial discharge or nothing."""
START_NS = 1_700_000_000_000_000_000

Analyses = Sequence[tuple[Sequence[float], str]]


def measure(folder: Path) -> Sequence[Line]:
    """Return the lines of all files of dga/."""
    tables, rough = sorted((folder / "dga").glob("imedpsd_*.csv")), sorted((folder / "dga").glob("barhdadi_*.json"))
    if not tables and not rough:
        raise FileNotFoundError(2, "no data", str(folder / "dga"))
    lines = [line for path in tables for line in _agreement(path.stem, _imedpsd(path))]
    return [*lines, *(line for path in rough for line in _kinds(path.stem, _barhdadi(path)))]


def judged(analyses: Analyses) -> tuple[list[dict[str, str]], list[bool]]:
    """Return what is told of each analysis: its fault by all methods, and whether there is an alarm."""
    roles = [[PointConfig(name=gas, unit="ppm", role=Role(transformer=f"t{n}", quantity=gas)) for gas in GASES]
             for n in range(len(analyses))]  # fmt: skip
    points = Points.of([(DeviceConfig(name=f"m{n}"), each) for n, each in enumerate(roles)])
    detector = DissolvedGasConfig().build(points)
    values = np.array([gases for gases, _ in analyses]).ravel()
    said = [each for step in range(2) for each in detector.observe(_frame(values, START_NS + step * 900 * 10**9))]
    told = {each.body["asset"]: each.body for each in said if isinstance(each, Report)}
    alarmed = {each.subject for each in said if isinstance(each, Finding) and each.active}
    names = [f"t{n}" for n in range(len(analyses))]
    return [told[name] for name in names], [name in alarmed for name in names]


def _frame(values: np.ndarray, time_ns: int) -> Frame:
    return Frame(time_ns=time_ns, utc_ns=time_ns, values=values, fresh=np.ones(len(values), bool))


def _agreement(name: str, analyses: Analyses) -> Sequence[Line]:
    told, alarmed = judged(analyses)
    labels = np.array([label for _, label in analyses])
    right = {key: np.array([each[key] for each in told]) == labels for key in ("fault", "triangle", "ratios")}
    shares = {key: 100 * float(found.mean()) for key, found in right.items()}
    classes = ", ".join(f"{fault} {100 * right['fault'][labels == fault].mean():.0f}" for fault in FAULTS
                        if (labels == fault).any())  # fmt: skip
    best = max(shares["triangle"], shares["ratios"])
    return [
        Line(
            f"{name}: fault as labelled, {len(analyses)} analyses",
            f"{shares['fault']:.1f} %",
            "better than either",
            f"triangle {shares['triangle']:.1f}, ratios {shares['ratios']:.1f}",
            shares["fault"] > best,
        ),
        Line(f"{name}: of each fault", f"{classes} %"),
        Line(f"{name}: alarm, as a gas is above its typical value", f"{100 * np.mean(alarmed):.1f} %"),
    ]


def _kinds(name: str, analyses: Analyses) -> Sequence[Line]:
    if not analyses:
        return []
    told, alarmed = judged(analyses)
    sound = [n for n, (_, label) in enumerate(analyses) if not label]
    faulty = [n for n, (_, label) in enumerate(analyses) if label]
    false = sum(alarmed[n] for n in sound)
    ungated = sum(told[n]["fault"] != "-" for n in sound)
    right = sum(alarmed[n] and _kind(told[n]["fault"]) == analyses[n][1] for n in faulty)
    return [
        Line(f"{name}: alarm of 'No Fault'", f"{false} of {len(sound)}", "", f"without the gate {ungated}"),
        Line(f"{name}: discharge, thermal or PD found and told apart", f"{right} of {len(faulty)}"),
    ]


def _kind(fault: str) -> str:
    return fault[:1]


def _imedpsd(path: Path) -> Analyses:
    with path.open() as file:
        return [
            ([float(row[key]) for key in IMEDPSD], FAULTS[int(row["Fault Type"]) - 1]) for row in csv.DictReader(file)
        ]


def _barhdadi(path: Path) -> Analyses:
    """Return the labelled analyses with all five gases; of either form of the file."""
    found = json.loads(path.read_text())
    rows = found if isinstance(found, list) else [row for rows in found.values() for row in rows]
    cleaned = isinstance(found, list)
    keys = [gas.capitalize() for gas in GASES] if cleaned else list(RAW)
    pairs = [
        ([_number(row.get(key)) for key in keys], str(row.get("Fault" if cleaned else "Acc condition"))) for row in rows
    ]
    return [(gases, KINDS[label]) for gases, label in pairs if label in KINDS and not any(map(math.isnan, gases))]


def _number(value: object) -> float:
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return math.nan
