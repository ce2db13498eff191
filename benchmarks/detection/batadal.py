"""BATADAL: the score S of the competition, the limit from normal data only.

S = (S_TTD + (TPR + TNR) / 2) / 2 with S_TTD = 1 - mean(time to detection / duration of the attack), which is 0 for an
attack that is not found (Taormina et al. 2018, with both halves weighing the same). The detector learns dataset03, a
year without attacks. Constants were chosen on dataset04; any other labelled file that is there was never seen.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from line import Line
from numpy.typing import NDArray
from rows import Watch, missing, numbers, table

LABEL = "ATT_FLAG"
KEYS = {"false_alarms": 0.003}
ANCHOR = "AEED autoencoder F1 .78; always .75"


def measure(folder: Path) -> Sequence[Line]:
    """Score the labelled files in `folder`/batadal.

    Raises:
        FileNotFoundError: the normal year, or all labelled files, are not there.
    """
    normal = folder / "batadal" / "dataset03.csv"
    if not normal.exists():
        raise missing(normal)
    values = numbers(table(normal), ("DATETIME", LABEL))
    learned = Watch(values.shape[1], 3600.0, learn_samples=len(values), **KEYS)
    learned.over(values)
    lines = [line for path in sorted(normal.parent.glob("*.csv")) if path != normal for line in _scored(learned, path)]
    if not lines:
        raise missing(normal.parent / "dataset04.csv")
    return lines


def _scored(learned: Watch, path: Path) -> list[Line]:
    columns = table(path)
    if LABEL not in columns or not (true := np.array(columns[LABEL], np.float64) == 1).any():
        return []
    said = learned.again().over(numbers(columns, ("DATETIME", LABEL)))
    in_time, found, quiet = _in_time(said, true), float(said[true].mean()), float((~said[~true]).mean())
    score = (in_time + (found + quiet) / 2) / 2
    parts = f"S_TTD {in_time:.3f}, attacks {found:.3f}, peace {quiet:.3f}, F1 {_f1(said, true):.2f}"
    return [Line(f"S, {path.stem}", f"{score:.3f}", "0.92", ANCHOR, round(score, 2) >= 0.92), Line("", parts)]


def _in_time(said: NDArray[np.bool_], true: NDArray[np.bool_]) -> float:
    """Return S_TTD over the attacks, each a run of labelled rows."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], true, [False]]).astype(int)))
    late = [float(np.argmax(now)) / len(now) if (now := said[a:b]).any() else 1.0 for a, b in edges.reshape(-1, 2)]
    return 1 - float(np.mean(late))


def _f1(said: NDArray[np.bool_], true: NDArray[np.bool_]) -> float:
    return 2 * int((said & true).sum()) / max(int(said.sum() + true.sum()), 1)
