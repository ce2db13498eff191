"""A small autoencoder, and its training by Adam: numpy alone, seconds of one slow core.

    x ── (x - mean)/scale, clipped ── W1, ReLU ── W2 ── W3, ReLU ── W4 ── * scale + mean ── y
    n                n                   h         b        h        n                       n

h is half of n, at most 16; b is a quarter of n, at most 8: 32-16-8-16-32 for 32 points, a file of 7 kB.
Only what fits through the bottleneck comes back, so y is what usually belongs to x. The bottleneck is linear: a ReLU
there loses a direction for ever where it dies. What lies far outside of history is clipped on its way in, so that one
wild reading does not make the others wild; on its way out it is missed by all that it was clipped.
Adam is that of Kingma and Ba (2015), algorithm 1, with their constants.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Single: TypeAlias = NDArray[np.float32]

HIDDEN_MOST, BOTTLENECK_MOST = 16, 8
RESTARTS = 3
"""Beginnings by chance; after `TRIAL_EPOCHS` only the best of them goes on."""
TRIAL_EPOCHS, EPOCHS_MOST = 5, 60
PATIENCE = 6
"""So many epochs without a better held-out error end the training."""
BATCH = 128
RATE, BETA1, BETA2, TINY = 2e-3, 0.9, 0.999, 1e-8
CLIP = 8.0
"""Farthest that a point goes in, in standard deviations; of a normal distribution nothing lies there."""
SCALE_FLOOR = 1e-4
"""A point that (almost) stood still is scaled by this share of its size: what it does later is not infinitely odd."""


@dataclass(frozen=True, slots=True, eq=False)
class Scaling:
    """What makes a point comparable: `mean`, `scale` float64[n], in the unit of each point."""

    mean: NDArray[np.float64]
    scale: NDArray[np.float64]

    @classmethod
    def of(cls, rows: NDArray[np.float64]) -> "Scaling":
        """Learn it from `rows` float64[m, n]."""
        mean = rows.mean(axis=0).astype(np.float32).astype(np.float64)  # as the file has it
        floor = np.maximum(SCALE_FLOOR * np.abs(rows).max(axis=0), 1e-9)
        return cls(mean, np.maximum(rows.std(axis=0), floor))

    def normal(self, rows: NDArray[np.float64]) -> Single:
        """Return `rows` in standard deviations from the mean, clipped."""
        return np.clip((rows - self.mean) / self.scale, -CLIP, CLIP).astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """Four layers in the scaled world: `weights` [out, in] each, `biases` [out] each."""

    weights: tuple[Single, ...]
    biases: tuple[Single, ...]

    @classmethod
    def random(cls, width: int, chance: np.random.Generator) -> "Network":
        """Make one by chance: He's variances (2015, equation 10), which suit the ReLU."""
        widths = widths_of(width)
        pairs = list(pairwise(widths))
        drawn = (chance.normal(0, np.sqrt(2 / inside), (out, inside)).astype(np.float32) for inside, out in pairs)
        return cls(tuple(drawn), tuple(np.zeros(out, np.float32) for _, out in pairs))

    def run(self, rows: Single) -> Single:
        """Return what comes back for `rows` float32[m, n]."""
        return self.layers(rows)[-1]

    def layers(self, rows: Single) -> list[Single]:
        """Return `rows` and what each layer makes of them."""
        found = [rows]
        for k, (weights, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            out = found[-1] @ weights.T + bias
            found.append(np.maximum(out, 0) if rectified(k) else out)
        return found

    def error(self, rows: Single) -> float:
        """Return the mean squared error, in squared standard deviations."""
        return float(np.mean(np.square(self.run(rows) - rows)))


def widths_of(width: int) -> tuple[int, ...]:
    """Return the widths of input, layers and output for `width` points."""
    hidden, neck = min(HIDDEN_MOST, max(2, width // 2)), min(BOTTLENECK_MOST, max(1, width // 4))
    return width, hidden, neck, hidden, width


def rectified(layer: int) -> bool:
    """Return whether a ReLU follows the layer: not at the bottleneck, nor at the end."""
    return layer in (0, 2)


def trained(
    fit: Single, held: Single, *, seed: int = 0, progress: Callable[[float], None] = lambda _: None
) -> tuple[Network, float]:
    """Return the network that brings back `held` best, having learned from `fit`; and its error there."""
    runs = [_Run(Network.random(fit.shape[1], np.random.default_rng(seed + k)), fit, held) for k in range(RESTARTS)]
    steps, done = RESTARTS * TRIAL_EPOCHS + EPOCHS_MOST, 0
    for run in runs:
        for _ in range(TRIAL_EPOCHS):
            run.epoch()
            progress((done := done + 1) / steps)
    best = min(runs, key=lambda run: run.error)
    for _ in range(EPOCHS_MOST):
        if not best.epoch():
            break
        progress((done := done + 1) / steps)
    progress(1.0)
    return best.best, best.error


class _Run:
    """One training: the network as it moves, and the best it ever was."""

    def __init__(self, begin: Network, fit: Single, held: Single) -> None:
        self.best, self.error = begin, begin.error(held)
        self._fit, self._held = fit, held
        self._now = [array.copy() for array in (*begin.weights, *begin.biases)]
        self._first = [np.zeros_like(array) for array in self._now]
        self._second = [np.zeros_like(array) for array in self._now]
        self._steps = self._worse = 0
        self._chance = np.random.default_rng(len(fit))

    def epoch(self) -> bool:
        """Learn from all rows once; False when it has not got better for too long."""
        order = self._chance.permutation(len(self._fit))
        for begin in range(0, len(order), BATCH):
            self._step(self._fit[order[begin : begin + BATCH]])
        now = Network(tuple(self._now[:4]), tuple(self._now[4:]))
        error = now.error(self._held)
        self._worse += 1
        if error < self.error:
            self.best = Network(tuple(map(np.copy, now.weights)), tuple(map(np.copy, now.biases)))
            self.error, self._worse = error, 0
        return self._worse < PATIENCE

    def _step(self, rows: Single) -> None:
        gradients = self._gradients(rows)
        self._steps += 1
        rate = RATE * np.sqrt(1 - BETA2**self._steps) / (1 - BETA1**self._steps)
        for k, gradient in enumerate(gradients):
            self._first[k] += (1 - BETA1) * (gradient - self._first[k])
            self._second[k] += (1 - BETA2) * (gradient * gradient - self._second[k])
            self._now[k] -= np.float32(rate) * self._first[k] / (np.sqrt(self._second[k]) + np.float32(TINY))

    def _gradients(self, rows: Single) -> Sequence[Single]:
        now = Network(tuple(self._now[:4]), tuple(self._now[4:]))
        layers = now.layers(rows)
        back = (layers[-1] - rows) * np.float32(2 / rows.size)
        weights, biases = [], []
        for k in range(3, -1, -1):
            weights.append(back.T @ layers[k])
            biases.append(back.sum(axis=0))
            back = back @ now.weights[k]
            if k and rectified(k - 1):
                back *= layers[k] > 0
        return [*reversed(weights), *reversed(biases)]


def rebuilt(network: Network, scaling: Scaling, rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what comes back for `rows` float64[m, n] in their units, in float64: what a file must agree with."""
    here = np.clip((rows - scaling.mean) / scaling.scale, -CLIP, CLIP)
    for k, (weights, bias) in enumerate(zip(network.weights, network.biases, strict=True)):
        here = here @ weights.T.astype(np.float64) + bias
        here = np.maximum(here, 0) if rectified(k) else here
    return here * scaling.scale + scaling.mean
