"""A small plant whose points hang together, its history, and a model of it: for whatever loads or judges one."""

import numpy as np

from detectors.tflite.sidecar import Sidecar, written
from gateway.training.history import History
from gateway.training.lesson import learn

NS = 1_000_000_000
NAMES = ("va", "vb", "vc", "ia", "ib", "ic", "p", "q")


def rows(count=4000):
    """Return float64[count, 8]: voltages, currents, P and Q of a feeder whose load and voltage go up and down."""
    chance = np.random.default_rng(1)
    load, level = 100 + 30 * np.sin(np.arange(count) / 47), 230 + 1.5 * np.sin(np.arange(count) / 31)
    noise = chance.normal(0, 1, (count, 8)) * [0.1, 0.1, 0.1, 0.3, 0.3, 0.3, 0.1, 0.05]
    p, q = 3 * level * load / 1000, 0.3 * 3 * level * load / 1000
    return np.stack([level, level, level, load, load, load, p, q], axis=1) + noise


def lesson(count=3000):
    """Return what is learned from the first `count` seconds."""
    return learn(History(rows()[:count], np.arange(count) * NS, 1), false_alarms=0.002)


def write(folder, found, device="f1", name="feeder.tflite"):
    """Write the model with what stands beside it; return its path."""
    path = folder / name
    path.write_bytes(found.model)
    sidecar = Sidecar(
        tuple(f"{device}.{each}" for each in NAMES), tuple(found.usual.tolist()), found.threshold, found.false_alarms
    )
    path.with_suffix(".json").write_text(written(sidecar, found.model))
    return path
