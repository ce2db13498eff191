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


def rows(
    volts: Phasors, amperes: Phasors, *, hertz: Reals, feeders: Reals, transformers: Reals, coupler: bool
) -> Reals:
    """Return float64[len(NAMES)]: what meters make of their inputs `volts` and `amperes`, [set, phase].

    The sets are six feeders, the HV sides of both transformers, their MV sides and, of voltages, both bus sections.
    `hertz` is of feeders and bus sections; `feeders` [feeder, 2] their energy and breaker, `transformers`
    [transformer, state] what follows from the tap on; `coupler` whether it is closed.
    """
    magnitude, current, between = np.abs(volts), np.abs(amperes), lines(volts)
    power, neutral = powers(volts[:10], amperes), np.abs(amperes[:6].sum(axis=1))
    found = (
        (magnitude[:6], between[:6], current[:6], neutral, power[:6], hertz[:6], feeders),
        (magnitude[6:8], current[6:8], power[6:8, :2], magnitude[8:10], current[8:10], power[8:], transformers),
        (magnitude[10:], between[10:], hertz[6:], np.full(2, coupler)),
    )
    return np.concatenate([np.column_stack(columns).ravel() for columns in found])
