"""What every point and every device says about itself in the configuration, whatever its protocol."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Literal
from urllib.parse import urlsplit

from protocols.settings import Fault, Field, Name, Seconds, settings

SeverityWord = Literal["info", "warning", "critical", "emergency"]


@settings
class Limits:
    """Alarm limits of one point, in its unit."""

    low_low: float | None = None
    """Below it: alarm `limit_low_low` (LL)."""
    low: float | None = None
    """Below it: alarm `limit_low` (L)."""
    high: float | None = None
    """Above it: alarm `limit_high` (H)."""
    high_high: float | None = None
    """Above it: alarm `limit_high_high` (HH)."""
    hysteresis: float = Field(default=0.0, ge=0)
    """How far the value must come back before the alarm returns to normal."""
    on_delay_s: float = Field(default=0.0, ge=0, le=86_400)
    """How long the limit must be crossed before the alarm."""
    off_delay_s: float = Field(default=0.0, ge=0, le=86_400)
    """How long the value must be back before the return to normal."""
    rate_per_s: float | None = Field(default=None, gt=0)
    """Fastest believable change, in units a second: alarm `rate_of_change` beyond it."""
    severity: SeverityWord = "warning"
    """Severity of L, H and rate of change; LL and HH are one step higher."""

    def faults(self) -> Iterator[Fault]:
        """Yield what only shows between the limits: their order, and a hysteresis wider than their distance."""
        levels = [(k, v) for k in ("low_low", "low", "high", "high_high") if (v := getattr(self, k)) is not None]
        for (below, lower), (above, upper) in pairwise(levels):
            if lower >= upper:
                yield (above,), f"{above} {upper:g} is not above {below} {lower:g}: low_low < low < high < high_high"
        inner = dict(levels)
        low, high = inner.get("low", inner.get("low_low")), inner.get("high", inner.get("high_high"))
        if low is not None and high is not None and low < high and self.hysteresis >= high - low:
            band = f"between {low:g} and {high:g}: less than {high - low:g} is allowed"
            yield ("hysteresis",), f"hysteresis {self.hysteresis:g} leaves no normal band {band}"


@settings
class Role:
    """What a point means to the grid; the physical checks and the one-line diagram live on it."""

    bay: Name | None = None
    """The bay it is measured in."""
    bus: Name | None = None
    """The bus section the bay stands on."""
    transformer: Name | None = None
    """The transformer it belongs to."""
    side: Literal["hv", "lv"] | None = None
    """The side of the transformer it is measured on."""
    quantity: (
        Literal[
            "voltage", "current", "active_power", "reactive_power", "apparent_power", "power_factor", "frequency",
            "energy", "temperature", "oil_temperature", "winding_temperature", "ambient_temperature", "hydrogen",
            "methane", "ethane", "ethylene", "acetylene", "carbon_monoxide", "carbon_dioxide", "breaker", "tap",
            "status", "other",
        ]
        | None
    ) = None  # fmt: skip
    """What is measured."""
    phase: Literal["a", "b", "c", "n", "ab", "bc", "ca", "total"] | None = None
    """The phase or pair of phases."""
    direction: Literal["in", "out"] | None = None
    """Where power or current flows when it is positive: into the bus or out of it; otherwise transformers feed it."""
    rating: float | None = Field(default=None, gt=0)
    """What it is rated for, or its nominal value; in the point's unit."""
    accuracy_class: float | None = Field(default=None, gt=0, le=10)
    """Class of the instrument with its transformer, in per cent of the rating, such as 0.5."""


@settings
class PointConfig:
    """Keys of every point."""

    name: Name
    """Unique within its device."""
    unit: str = Field(default="", max_length=32)
    """Engineering unit, as shown to people."""
    scale: float = 1.0
    """value = raw * scale + offset."""
    offset: float = 0.0
    """value = raw * scale + offset, in the point's unit."""
    deadband: float | None = Field(default=None, ge=0)
    """Also sent at once, outside its window, when it moves by more; in the point's unit."""
    every_s: Seconds | None = None
    """Scan class of this point alone, in seconds; otherwise the device's."""
    limits: Limits | None = None
    """Alarm limits."""
    role: Role | None = None
    """What the point means to the grid."""
    use: Literal["input", "output"] | None = None
    """output: an output or a set point, which only a master changes; told by its address when left out."""

    @property
    def commanded(self) -> bool:
        """Whether it is an output or a set point."""
        return self.use == "output" if self.use is not None else self._addressed_as_output

    @property
    def _addressed_as_output(self) -> bool:
        """Whether its address says so."""
        return False

    @property
    def status(self) -> bool:
        """Whether it is a status (on or off), which is sent on every change."""
        return False

    @property
    def sequenced(self) -> bool:
        """Whether its device tells each change as an event with a time of its own, apart from what polls show."""
        return False

    @property
    def kind(self) -> str:
        """Its type, as the birth message tells it."""
        return "float64"


@settings
class DeviceConfig:
    """Keys of every device."""

    name: Name
    """Unique within the gateway."""
    profile: str | None = Field(default=None, max_length=256)
    """A kind of device, such as siemens/pac3200, or a file of one's own, NAME.yaml: its points come first."""
    every_s: Seconds = 1.0
    """Scan class: how often its points are read, in seconds."""
    timeout_s: float = Field(default=1.0, ge=0.01, le=60)
    """How long one request may take, in seconds."""

    @property
    def host(self) -> str:
        """The host that its url names, a name or an address; empty where there is none, as on a serial line."""
        return urlsplit(str(getattr(self, "url", ""))).hostname or ""

    @property
    def station(self) -> tuple[int, ...] | None:
        """What no other device of its endpoint may share; None where several devices may be one station."""
        return None

    @property
    def interval_s(self) -> float:
        """How often a point is heard of at least: its scan class, or what its protocol does instead."""
        return self.every_s
