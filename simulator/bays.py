"""Who stands where: which bays hang on which bus section."""

from simulator.meter import BAYS
from simulator.network import BUS_OF


def bus_of(bay: str) -> str:
    """Return the bus section, bb1 or bb2, that `bay` stands on."""
    number = int(bay[-1])
    return f"bb{BUS_OF[number - 1] + 1 if bay.startswith('feeder') else number}"


def feeders_of(bus: str) -> tuple[str, ...]:
    """Return the feeders of bus section `bus`."""
    return tuple(bay for bay in BAYS if bay.startswith("feeder") and bus_of(bay) == bus)


def bays_of(bus: str) -> tuple[str, ...]:
    """Return the bays of bus section `bus`, the bus itself first."""
    return tuple(sorted((bay for bay in BAYS if bus_of(bay) == bus), key=lambda bay: not bay.startswith("bus")))


def transformer_of(feeder: str) -> str:
    """Return the transformer that feeds `feeder` while the coupler is open."""
    return f"t{bus_of(feeder)[-1]}"
