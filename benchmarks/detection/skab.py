"""SKAB: F1, false alarms (FAR) and misses (MAR) by row, over all labelled runs; the first 400 rows of each are learned.

Constants of the detector were chosen on the runs of `other` and `valve2` here, together with those of Tennessee Eastman
and BATADAL, so the figures of these runs are no forecast; `valve1`, and runs of the other folders that are not here,
were never seen. Never point-adjusted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from line import Line
from numpy.typing import NDArray
from rows import Watch, missing, numbers, table

LEARNED = 400
KEYS = {"learn_samples": LEARNED, "false_alarms": 1e-4}
ANCHOR = "Conv-AE .78/13.6/28.0, MSET .78/39.7/14.1, always .70"


@dataclass(frozen=True)
class Counts:
    """Rows that are found, missed, called wrongly, and left in peace."""

    found: int = 0
    missed: int = 0
    wrong: int = 0
    quiet: int = 0

    @classmethod
    def of(cls, said: NDArray[np.bool_], true: NDArray[np.bool_]) -> "Counts":
        """Compare what was said of each row with what is true."""
        return cls(
            int((said & true).sum()), int((~said & true).sum()), int((said & ~true).sum()), int((~said & ~true).sum())
        )

    def __add__(self, other: "Counts") -> "Counts":
        found, missed = self.found + other.found, self.missed + other.missed
        return Counts(found, missed, self.wrong + other.wrong, self.quiet + other.quiet)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return 2 * self.found / max(2 * self.found + self.missed + self.wrong, 1)

    @property
    def false_alarms(self) -> float:
        """Share of the normal rows that were called."""
        return self.wrong / max(self.wrong + self.quiet, 1)

    @property
    def misses(self) -> float:
        """Share of the anomalous rows that were not."""
        return self.missed / max(self.found + self.missed, 1)


def measure(folder: Path) -> Sequence[Line]:
    """Score the runs in `folder`/skab.

    Raises:
        FileNotFoundError: there are none.
    """
    runs = sorted(path for path in (folder / "skab").glob("*/*.csv") if path.parent.name != "anomaly-free")
    if not runs:
        raise missing(folder / "skab")
    parts: dict[str, Counts] = {}
    for run in runs:
        parts[run.parent.name] = parts.get(run.parent.name, Counts()) + _counts(run)
    whole = sum(parts.values(), Counts())
    lines = [
        Line(f"F1, {len(runs)} runs", f"{whole.f1:.3f}", "0.82", ANCHOR, round(whole.f1, 2) >= 0.82),
        Line("false alarms", f"{whole.false_alarms:.1%}", "20 %", "", whole.false_alarms < 0.2),
        Line("misses", f"{whole.misses:.1%}", "20 %", "", whole.misses < 0.2),
    ]
    told = ((name, f"{part.f1:.3f}/{part.false_alarms:.1%}/{part.misses:.1%}") for name, part in parts.items())
    return lines + [Line(f"{name}: F1/false alarms/misses", text) for name, text in told]


def _counts(run: Path) -> Counts:
    columns = table(run, ";")
    values = numbers(columns, ("datetime", "anomaly", "changepoint"))
    true = np.array(columns["anomaly"], np.float64) == 1
    said = Watch(values.shape[1], 1.0, **KEYS).over(values)
    return Counts.of(said[LEARNED:], true[LEARNED:])
