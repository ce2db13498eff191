"""What instruments make of the true phasors: named values with noise in the last digits.

The noise is on voltages and currents, as in a real meter; powers, power factor and neutral current are computed from
the noisy ones, so S^2 = P^2 + Q^2 holds in what is shown.
"""

import numpy as np
from numpy.typing import NDArray

Phasors = NDArray[np.complex128]
Reals = NDArray[np.float64]

SIGMA = 0.0005
"""Noise of a reading, relative: a class 0.2 instrument stays within four of these."""
KILO = 1000.0
NEXT = np.array([1, 2, 0])
"""The phase that follows each."""

FEEDER = (
    "va", "vb", "vc", "vab", "vbc", "vca", "ia", "ib", "ic", "in", "p", "q", "s", "pf", "f", "e", "cb52",
)  # fmt: skip
"""V, A, kW, kvar, kVA, 1, Hz, kWh, closed."""
TRANSFORMER = (
    "hva", "hvb", "hvc", "hia", "hib", "hic", "hp", "hq",
    "va", "vb", "vc", "ia", "ib", "ic", "p", "q", "s", "pf", "tap", "oil", "winding", "ambient", "cb52", "avr",
    "h2", "ch4", "c2h6", "c2h4", "c2h2", "co", "co2",
)  # fmt: skip
"""The h-prefixed ones are of the HV side; V, A, kW, kvar, kVA, 1, position, degC, closed, regulator in automatic;
gases in the oil, ppm."""
BUS = ("va", "vb", "vc", "vab", "vbc", "vca", "f", "coupler")
"""V, Hz, closed."""

BAYS: dict[str, tuple[str, ...]] = {
    **{f"feeder{n}": FEEDER for n in range(1, 7)},
    **{f"t{n}": TRANSFORMER for n in (1, 2)},
    **{f"bus{n}": BUS for n in (1, 2)},
}
"""Every bay and what is measured in it, in the order of the value array."""
NAMES = tuple(f"{bay}.{quantity}" for bay, quantities in BAYS.items() for quantity in quantities)
INDEX = {name: index for index, name in enumerate(NAMES)}


def noisy(random: np.random.Generator, values: Phasors) -> Phasors:
    """Return `values` as an instrument of class 0.2 shows them."""
    return values * (1 + SIGMA * random.standard_normal(values.shape))


def lines(volts: Phasors) -> Reals:
    """Return the phase to phase voltages ab, bc, ca of `volts` [..., phase]."""
    between: Reals = np.abs(volts - volts[..., NEXT])
    return between


def powers(volts: Phasors, amperes: Phasors) -> Reals:
    """Return [..., 4]: kW, kvar, kVA and power factor (1 where nothing flows) of three phases together."""
    complex_power = (volts * np.conj(amperes)).sum(axis=-1) / KILO
    apparent = np.abs(complex_power)
    factor = np.divide(complex_power.real, apparent, out=np.ones_like(apparent), where=apparent > 0)
    return np.stack([complex_power.real, complex_power.imag, apparent, factor], axis=-1)


def feeder_rows(volts: Phasors, amperes: Phasors, *, hertz: Reals, energy: Reals, closed: NDArray[np.bool_]) -> Reals:
    """Return [feeder, len(FEEDER)]."""
    neutral = np.abs(amperes.sum(axis=1))
    return np.column_stack(
        [np.abs(volts), lines(volts), np.abs(amperes), neutral, powers(volts, amperes), hertz, energy, closed]
    )


def transformer_rows(hv: tuple[Phasors, Phasors], mv: tuple[Phasors, Phasors], state: Reals) -> Reals:
    """Return [transformer, len(TRANSFORMER)]; `hv` and `mv` are voltages and currents, `state` from tap to co2."""
    high = [np.abs(hv[0]), np.abs(hv[1]), powers(*hv)[:, :2]]
    return np.column_stack([*high, np.abs(mv[0]), np.abs(mv[1]), powers(*mv), state])


def bus_rows(volts: Phasors, *, hertz: Reals, coupler: bool) -> Reals:
    """Return [bus, len(BUS)]."""
    return np.column_stack([np.abs(volts), lines(volts), hertz, np.full(len(volts), coupler)])
