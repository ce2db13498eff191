"""An HV/MV substation, 49 tags every 15 minutes, class 0.5 with noise: labelled errors and attacks of 14 kinds.

The roles are made out from the clean rows, as whoever configures a gateway would know them: on which bus a feeder
stands, in which direction power counts, and the nominal voltage behind a voltage in per unit. Each file
substation_*.csv.gz with its substation_*_events.csv is driven once from its first row; the detectors learn by
themselves. An event is found when a finding begins in it; a row outside all events at which one begins is a false
alarm. Rows before CLEAN calibrate, so false alarms are counted from there on, and besides on the clean rows after
LEARNED, by which all have learned.
"""

import csv
import gzip
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
from drive import NS, Told, drive
from line import Line
from numpy.typing import NDArray

from detectors.model import Finding
from protocols.point import DeviceConfig, PointConfig, Role
from protocols.points import Points

CLEAN, LEARNED = 5_760, 4_800
"""Rows before CLEAN have no events; before LEARNED somebody may still learn."""
STEP_S = 900.0
YEAR_NS = 1_451_606_400 * NS
"""The steps count from the beginning of a year."""
QUANTITIES = {"p": "active_power", "q": "reactive_power", "i": "current"}
UNITS = {"p": "MW", "q": "Mvar", "i": "kA"}
Columns = Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True)
class Event:
    """Rows `first` to `last`, both included, its kind and the tags that are wrong."""

    first: int
    last: int
    kind: str
    tags: tuple[str, ...]


def measure(folder: Path) -> Sequence[Line]:
    """Measure every file of the folder `substation`."""
    found = sorted((folder / "substation").glob("substation_*.csv.gz"))
    if not found:
        raise FileNotFoundError(2, "missing", str(folder / "substation" / "substation_*.csv.gz"))
    return [line for file in found for line in _measure(file)]


def _measure(file: Path) -> Sequence[Line]:
    columns = _read(file)
    events = _events(file.with_name(file.name.replace(".csv.gz", "_events.csv")))
    points, scales = configuration({tag: values[:CLEAN] for tag, values in columns.items()})
    values = np.column_stack([columns[tag] * scale for tag, scale in zip(points.names, scales, strict=True)])
    steps = columns["step_15min"] if "step_15min" in columns else np.arange(len(values))
    told = drive(points, values, (YEAR_NS + (steps * STEP_S * NS).astype(np.int64)).tolist())
    return _lines(file.name.removesuffix(".csv.gz"), told, events, points)


def _read(file: Path) -> Columns:
    with gzip.open(file, "rt") as text:
        rows = csv.reader(text)
        tags = next(rows)
        table = list(rows)
    numeric = [k for k, tag in enumerate(tags) if tag not in ("label", "event")]
    return {tags[k]: np.array([float(row[k] or "nan") for row in table]) for k in numeric}


def _events(file: Path) -> Sequence[Event]:
    with file.open() as text:
        rows = csv.DictReader(text)
        return [Event(int(r["start_row"]), int(r["end_row"]), r["kind"], tuple(r["tags"].split("|"))) for r in rows]


def configuration(clean: Columns) -> tuple[Points, Sequence[float]]:
    """Return the points with their roles, and the scale of each."""
    buses = [tag.split("_")[1] for tag in clean if tag.startswith("V_")]
    places = list(dict.fromkeys(tag.rpartition("_")[0] for tag in clean if tag[-2:] in ("_p", "_q", "_i")))
    transformers = list(dict.fromkeys(tag.split("_")[0] for tag in clean if tag.endswith("_p_lv_mw")))
    base = {
        bus: round(float(np.median([_base(clean, bus, p) for p in places if p + "_i" in clean])), 1) for bus in buses
    }
    lv_bus = {name: _bus(clean, buses, name, "{}_{}_lv") for name in transformers}
    bus_of = {place: lv_bus[name] for place, name in _fed(clean, places, transformers).items()}
    weak = [place for place in places if f"{place}_i" in clean and place not in bus_of]
    bus_of |= lv_bus | {place: _bus(clean, buses, place, "{}_{}") for place in weak}
    made = [
        (_point(clean, tag, bus_of, transformers), base.get(tag.split("_")[1], 1.0))
        for tag in clean
        if tag != "step_15min"
    ]
    device = DeviceConfig(name="rtu", every_s=STEP_S)
    return Points.of([(device, [point for point, _ in made])]), [scale for _, scale in made]


def _point(clean: Columns, tag: str, bus_of: Mapping[str, str], transformers: Sequence[str]) -> PointConfig:
    name, _, rest = tag.partition("_")
    if name == "V":
        bus = rest.split("_")[0]
        return PointConfig(name=tag, unit="kV", role=Role(bay=bus, bus=bus, quantity="voltage"))
    if name in transformers:
        letter, side = rest.split("_")[:2]
        role = {"bay": name, "transformer": name, "side": side, "quantity": QUANTITIES[letter]}
        if side == "lv":
            inward = float(np.median(clean[f"{name}_p_hv_mw"] * clean[f"{name}_p_lv_mw"])) > 0
            role |= {"bus": bus_of[name], "direction": "in" if inward else "out"}
        return PointConfig(name=tag, unit=UNITS[letter], role=Role(**role))
    place, _, letter = tag.rpartition("_")
    return PointConfig(
        name=tag, unit=UNITS[letter], role=Role(bay=place, bus=bus_of[place], quantity=QUANTITIES[letter])
    )


def _find(clean: Columns, name: str, pattern: str, letter: str) -> NDArray[np.float64]:
    prefix = pattern.format(name, letter)
    return next(values for tag, values in clean.items() if tag == prefix or tag.startswith(prefix + "_"))


def _base(clean: Columns, bus: str, place: str, pattern: str = "{}_{}") -> NDArray[np.float64]:
    """Return the voltage in kV for one per unit of `bus`, by the powers and current of `place`."""
    p, q, i = (_find(clean, place, pattern, letter) for letter in "pqi")
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.nan_to_num(np.hypot(p, q) / (3**0.5 * i * clean[f"V_{bus}_pu"]))


def _bus(clean: Columns, buses: Sequence[str], place: str, pattern: str) -> str:
    """Return the bus whose voltage makes sqrt(3) U I follow the apparent power best."""
    return min(buses, key=lambda bus: float(np.subtract(*np.percentile(_base(clean, bus, place, pattern), (75, 25)))))


def _fed(clean: Columns, places: Sequence[str], transformers: Sequence[str]) -> Mapping[str, str]:
    """Return which transformer feeds each place with a power worth the name: least squares of one over all others."""
    powers = np.column_stack([clean[f"{place}_p"] for place in places])
    infeeds = np.column_stack([clean[f"{name}_p_lv_mw"] for name in transformers])
    share = np.abs(np.linalg.lstsq(powers, infeeds, rcond=None)[0])
    strong = np.std(powers, axis=0) > 1e-3 * np.std(infeeds)
    return {place: transformers[int(np.argmax(share[k]))] for k, place in enumerate(places) if strong[k]}


def _lines(name: str, told: Told, events: Sequence[Event], points: Points) -> Sequence[Line]:
    inside = np.zeros(told.rows, bool)
    for event in events:
        inside[event.first : event.last + 1] = True
    said = np.zeros(told.rows, bool)
    said[[row for row, _ in told.begun]] = True
    checked, test = slice(LEARNED, CLEAN), np.arange(told.rows) >= CLEAN
    false = float((said & ~inside & test).sum() / max((~inside & test).sum(), 1))
    hits, right = defaultdict(list), []
    for event in events:
        hits[event.kind].append(bool(told.between(event.first, event.last)))
        if hits[event.kind][-1] and event.tags != ("*",):
            right.append(_named(told, event, points))
    found = [hit for kind in hits.values() for hit in kind]
    share, well = float(np.mean(found)), float(np.mean(right)) if right else 0.0
    anchors = "per tag 28 %, autoencoder 34 %, Mahalanobis 63 %, physics 83 %, both 91 %"
    return [
        Line(f"{name}: events found", f"{100 * share:.1f} % of {len(found)}", "95 %", anchors, share >= 0.95),
        Line(f"{name}: false alarms, rows", f"{100 * false:.3f} %", "0.1 %", "", false <= 0.001),
        Line(f"{name}: the same on clean rows not learned from", f"{100 * float(said[checked].mean()):.3f} %", "0.1 %"),
        Line(f"{name}: right tag named first", f"{100 * well:.0f} % of {len(right)}", "90 %", "", well >= 0.9),
        *(Line(f"  {kind}", f"{sum(hit)} of {len(hit)}") for kind, hit in sorted(hits.items())),
        Line("  by detector", ", ".join(f"{word} {count}" for word, count in _by(told, events).items())),
        Line("  CPU a row, all detectors", f"{told.spent_s / told.rows * 1e6:.0f} us"),
    ]


def _named(told: Told, event: Event, points: Points) -> bool:
    """Return whether the first finding in the event that names points names only wrong ones; T* is a transformer's."""
    for finding in told.between(event.first, event.last):
        tags = named(finding, points)
        if tags:
            return all(any(fnmatchcase(tag, wrong) for wrong in event.tags) for tag in tags)
    return False


def named(finding: Finding, points: Points) -> Sequence[str]:
    """Return the points that a finding blames: its only one, the suspect in its evidence, or all that are replayed."""
    label = finding.evidence.get("suspect")
    if label:
        return [str(label).partition(".")[2]]
    blamed = len(finding.rows) == 1 or finding.kind == "replay"
    return [points.names[row] for row in finding.rows] if blamed else []


def _by(told: Told, events: Sequence[Event]) -> Mapping[str, int]:
    """Return in how many events each detector began to say something."""
    count: dict[str, int] = defaultdict(int)
    for event in events:
        for word in {finding.detector for finding in told.between(event.first, event.last)}:
            count[word] += 1
    return dict(sorted(count.items(), key=lambda item: -item[1]))
