"""The trainer: what it costs to learn from a day, how large the file is, and whether it does what numpy does.

From the substation's clean rows if they are there (the first 32 columns that move, as they come), else from rows of its
own making; nothing is tuned on either. The runtime is the one that the daemon would load.
"""

import csv
import gzip
import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import numpy as np
from line import Line

from detectors.tflite.detector import Judge
from detectors.tflite.runtime import load
from gateway.training.history import ROWS_MOST, History
from gateway.training.lesson import Lesson, learn
from gateway.training.network import rebuilt

WIDTH, SAMPLES = 32, 5000
CLEAN = 5760
"""Rows of the substation before the first event."""


def measure(folder: Path) -> Sequence[Line]:
    """Train once on 20,000 rows of 32 points, and compare 5,000 samples."""
    values = _rows(folder)
    history = History(values, np.arange(len(values)) * 1_000_000_000, 1)
    began = time.process_time()
    lesson = learn(history, false_alarms=0.001)
    spent = time.process_time() - began
    apart, runtime_us, numpy_us, judge_us = _compared(lesson, values)
    return (
        Line(
            f"training, {len(values)} rows of {WIDTH} points",
            f"{spent:.1f} s CPU",
            "5 s",
            "TensorFlow 2.8 s",
            spent < 5,
        ),
        Line("model file", f"{len(lesson.model)} bytes", "10 kB", "6.5 kB", len(lesson.model) < 10_000),
        Line("file against numpy, of a value", f"{apart:.1e}", "1e-5", "1.1e-6", apart < 1e-5),
        Line("a sample in the runtime", f"{runtime_us:.1f} us", "", "1.24 us"),
        Line("a sample in numpy", f"{numpy_us:.1f} us", "", "5.7 to 6.5 us"),
        Line("a frame in the detector's judge", f"{judge_us:.1f} us"),
    )


def _rows(folder: Path) -> np.ndarray:
    """Return float64[20000, 32]: clean rows of the substation, again and again with noise of a thousandth."""
    found = sorted((folder / "substation").glob("*.csv.gz"))
    wide = [path for path in found if "noiseless" not in path.name]
    chance = np.random.default_rng(1)
    if not wide:
        cause = chance.normal(0, 1, (ROWS_MOST, 6))
        return 100 + np.tanh(cause @ chance.normal(0, 1, (6, WIDTH))) + 0.05 * chance.normal(0, 1, (ROWS_MOST, WIDTH))
    with gzip.open(wide[0], "rt") as file:
        reader = csv.reader(file)
        header = next(reader)
        taken = [k for k, name in enumerate(header) if name not in ("label", "event") and not name.startswith("step")]
        rows = np.array([[float(row[k]) for k in taken] for row in islice(reader, CLEAN)])
    rows = rows[:, np.flatnonzero(rows.std(axis=0) > 1e-3)[:WIDTH]]
    many = np.tile(rows, (-(-ROWS_MOST // len(rows)), 1))[:ROWS_MOST]
    return many + chance.normal(0, 1e-3, many.shape) * rows.std(axis=0)


def _compared(lesson: Lesson, values: np.ndarray) -> tuple[float, float, float, float]:
    """Return the largest difference, and us a sample of runtime, numpy and judge."""
    model = load(lesson.model)
    rows = values[:SAMPLES].astype(np.float32).astype(np.float64)
    expected = rebuilt(lesson.network, lesson.scaling, rows)
    began = time.process_time()
    made = np.stack([model.run(row) for row in rows])
    runtime = time.process_time() - began
    began = time.process_time()
    for row in rows[:500]:
        rebuilt(lesson.network, lesson.scaling, row[None])
    by_numpy = time.process_time() - began
    judge = Judge(model, lesson.usual.tolist(), lesson.threshold)
    began = time.process_time()
    for row in rows:
        judge.of(row)
    judged = time.process_time() - began
    apart = float(np.max(np.abs(made - expected) / np.maximum(np.abs(expected), lesson.scaling.scale)))
    return apart, runtime / len(rows) * 1e6, by_numpy / 500 * 1e6, judged / len(rows) * 1e6
