"""What every step has: when it happens, what it does, and what a check should say about it."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, Protocol

from protocols.settings import AfterValidator, Field, settings
from simulator.conduct import Conduct
from simulator.grid import Grid
from simulator.meter import BAYS, INDEX


class Stage(Protocol):
    """What steps act on."""

    @property
    def grid(self) -> Grid:
        """The physics."""

    @property
    def conducts(self) -> Mapping[str, Conduct]:
        """How each bay's servers behave."""


def _bay(name: str) -> str:
    if name not in BAYS:
        raise ValueError(f"'{name}' is no bay; there are {', '.join(BAYS)}")
    return name


def _point(name: str) -> str:
    bay, _, quantity = name.partition(".")
    if name not in INDEX:
        of_bay = ", ".join(BAYS[_bay(bay)])
        raise ValueError(f"'{quantity}' is not measured in {bay}; there are {of_bay}")
    return name


Bay = Annotated[str, AfterValidator(_bay)]
Point = Annotated[str, AfterValidator(_point)]
"""BAY.QUANTITY."""
Feeder = Literal["feeder1", "feeder2", "feeder3", "feeder4", "feeder5", "feeder6"]
Transformer = Literal["t1", "t2"]
Bus = Literal["bb1", "bb2"]
Phase = Literal["a", "b", "c"]

ODD = ("outlier", "drift", "spike", "pattern_break")
"""What statistics may call a value that is not as usual."""
BEYOND = ("limit_high", "limit_high_high", "limit_low", "limit_low_low")
"""What a value beyond a limit may be called."""
WRONG = ("inconsistent", "imbalance", *ODD)
"""What may be said of a measurement that is wrong, by equations and by statistics."""


@settings
class Step:
    """Keys of every step."""

    FINDS: ClassVar[tuple[str, ...]] = ()
    """Kinds of finding of which any is right, the most telling first; none: it is normal, and nothing may be found."""

    at_s: float = Field(ge=0, le=86_400)
    """When it begins, in simulated seconds from the start."""
    for_s: float = Field(gt=0, le=86_400)
    """How long it lasts, in simulated seconds."""

    @property
    def end_s(self) -> float:
        """When it ends."""
        return self.at_s + self.for_s

    @property
    def text(self) -> str:
        """What it does, for people."""
        raise NotImplementedError

    @property
    def points(self) -> tuple[str, ...]:
        """The points that are wrong, or that show it, the foremost first; none where it is about a device."""
        return ()

    @property
    def devices(self) -> tuple[str, ...]:
        """The bays it happens in, as the first way to reach them calls them."""
        return tuple(dict.fromkeys(point.partition(".")[0] for point in self.points))

    def prepare(self, stage: Stage) -> None:
        """Do what must be done long before, once, when the scenario starts."""

    def begin(self, stage: Stage) -> None:
        """Make it happen."""
        raise NotImplementedError

    def go_on(self, stage: Stage, since_s: float) -> None:
        """Let it grow: it began `since_s` seconds ago."""

    def end(self, stage: Stage) -> None:
        """Make it over."""
        raise NotImplementedError


def of_bay(bay: str, *names: str) -> tuple[str, ...]:
    """Return those points `names` that are measured in `bay`."""
    return tuple(f"{bay}.{name}" for name in names if name in BAYS[bay])


POWERS = ("p", "q", "s", "pf")
AMPERES = ("ia", "ib", "ic", "in")
VOLTS = ("va", "vb", "vc", "vab", "vbc", "vca")
HIGH = ("hia", "hib", "hic", "hp", "hq")
"""What of a transformer's HV side follows its load."""
