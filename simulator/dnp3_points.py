"""The DNP3 point lists of the substation: which index each measurement has, in which class, with which dead-band.

Written once; the outstations serve by it, and the gateway's configuration is made from it. Breakers and the like are
binary inputs of class 1, energy is a counter, everything else an analog input of class 2 in single precision.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from simulator.meter import BAYS
from simulator.registers import MAPS, Register

ADDRESS = 10
"""Link address of every bay's outstation; each has a port of its own."""
MASTER = 1

RELATIVE = 0.002
"""Dead-band of an analog, relative to what it was: four times the noise of its instrument."""
LEAST = 0.01
"""Dead-band where a value is near zero."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a measurement stands in a point list."""

    name: str
    kind: str
    index: int
    event_class: int

    @property
    def address(self) -> str:
        """The address as the gateway's configuration writes it."""
        return f"{self.kind}:{self.index}"

    def moved(self, value: float, before: float) -> bool:
        """Whether `value` is an event after `before`."""
        if self.kind == "analog":
            return abs(value - before) > max(abs(before) * RELATIVE, LEAST)
        return round(value) != round(before)


def _list(registers: tuple[Register, ...]) -> tuple[Place, ...]:
    used = dict.fromkeys(("binary", "counter", "analog"), 0)
    places = []
    for register in registers:
        kind = {"bool": "binary"}.get(register.type, "counter" if register.quantity == "energy" else "analog")
        places.append(Place(register.name, kind, used[kind], {"binary": 1, "counter": 3, "analog": 2}[kind]))
        used[kind] += 1
    return tuple(places)


PLACES: Mapping[str, tuple[Place, ...]] = {bay: _list(MAPS[bay]) for bay in BAYS}
"""The point list of each bay."""
