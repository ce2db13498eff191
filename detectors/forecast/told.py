"""How a forecast is told: the body of its report."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from detectors.forecast.horizon import DAY_H
from detectors.forecast.model import Model
from detectors.instant import iso
from detectors.model import Report
from protocols.model import Values

NS = 1_000_000_000
DIGITS = 6
"""Significant digits of what is told: the class of no meter carries more."""


def forecasts(
    model: Model, labels: Sequence[str], units: Sequence[str], *, begins_ns: int, time_ns: int
) -> Iterator[Report]:
    """Yield the forecast of every load whose day is known: from the step on that begins at `begins_ns`, UTC."""
    step_s = 3600 * DAY_H // model.horizon.day
    path = rounded(model.path(begins_ns // (step_s * NS) - 1))
    told = np.isfinite(path).all(axis=(0, 1))
    peaks = np.argmax(np.where(told, path[1, : model.horizon.day], 0.0), axis=0)
    percent, mase = (rounded(each) for each in model.errors_ahead())
    starts = [iso(begins_ns + step * step_s * NS) for step in range(model.horizon.day)]
    old, covered = model.old, rounded(model.errors.covered.astype(np.float64))
    for load in np.flatnonzero(told).tolist():
        p10, p50, p90 = path[:, :, load].tolist()
        peak = int(peaks[load])
        body: dict[str, Any] = {
            "unit": units[load],
            "start": starts[0],
            "step_s": step_s,
            "method": "seasonal" if old[load] else "naive",
            "p10": p10,
            "p50": p50,
            "p90": p90,
            "peak": {"value": p50[peak], "p90": p90[peak], "start": starts[peak]},
            "error_percent": {"next": _number(percent[0, load]), "day": _number(percent[1, load])},
            "mase": {"next": _number(mase[0, load]), "day": _number(mase[1, load])},
            "covered": _number(covered[load]),
        }
        yield Report("forecast", labels[load], time_ns, body)


def rounded(values: Values) -> Values:
    """Return `values` with DIGITS significant digits; what is not finite stays so."""
    size = np.abs(values)
    power = np.zeros_like(values)
    np.log10(size, out=power, where=np.isfinite(size) & (size > 1e-300))
    scale = 10.0 ** np.clip(DIGITS - 1 - np.floor(power), -300, 300)
    found: Values = np.where(np.isfinite(values), np.rint(values * scale) / scale, values)
    return found


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
