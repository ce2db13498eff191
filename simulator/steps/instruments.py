"""Instruments that go wrong: one value, or the wiring that all the meter computes follows."""

from typing import ClassVar, Literal

from protocols.settings import Field, settings
from simulator.meter import INDEX
from simulator.steps.step import BEYOND, ODD, POWERS, VOLTS, WRONG, Bay, Phase, Point, Stage, Step, of_bay


@settings
class SensorStep(Step):
    """A step about the instrument of one point."""

    FINDS: ClassVar[tuple[str, ...]] = (*WRONG, "unbalance", "thermal", "gas", *BEYOND)

    point: Point
    """The measurement: BAY.QUANTITY."""

    @property
    def points(self) -> tuple[str, ...]:
        """The point."""
        return (self.point,)

    def end(self, stage: Stage) -> None:
        """Measure as before."""
        fault, at = stage.grid.instruments, INDEX[self.point]
        fault.gain[at], fault.offset[at], fault.noise[at] = 1.0, 0.0, 0.0


@settings
class StuckSensor(SensorStep):
    """A measurement keeps its value."""

    FINDS: ClassVar[tuple[str, ...]] = ("stuck", *WRONG, "thermal")

    do: Literal["stuck_sensor"]

    @property
    def text(self) -> str:
        """What it does, for people."""
        return f"{self.point} stuck"

    def begin(self, stage: Stage) -> None:
        """Stick."""
        stage.grid.hold(self.point, held=True)

    def end(self, stage: Stage) -> None:
        """Measure again."""
        stage.grid.hold(self.point, held=False)


@settings
class SensorGain(SensorStep):
    """A measurement shows so many times what is there: a wrong ratio, a burnt tap of a CT."""

    do: Literal["sensor_gain"]
    factor: float = Field(ge=-10, le=10)
    """How many times."""

    @property
    def text(self) -> str:
        """What it does, for people."""
        return f"{self.point} shows {self.factor:g} times its value"

    def begin(self, stage: Stage) -> None:
        """Scale."""
        stage.grid.instruments.gain[INDEX[self.point]] = self.factor


@settings
class SensorSign(SensorStep):
    """A measurement has the wrong sign: its wires are the wrong way round."""

    do: Literal["sensor_sign"]

    @property
    def text(self) -> str:
        """What it does, for people."""
        return f"{self.point} with the wrong sign"

    def begin(self, stage: Stage) -> None:
        """Turn round."""
        stage.grid.instruments.gain[INDEX[self.point]] = -1.0


@settings
class SensorDrift(SensorStep):
    """A measurement drifts away steadily."""

    FINDS: ClassVar[tuple[str, ...]] = ("drift", *WRONG, "unbalance", "thermal", "gas", *BEYOND)

    do: Literal["sensor_drift"]
    percent_per_hour: float = Field(ge=-1000, le=1000)
    """How fast, in per cent of its value."""

    @property
    def text(self) -> str:
        """What it does, for people."""
        return f"{self.point} drifts by {self.percent_per_hour:+g} % an hour"

    def begin(self, stage: Stage) -> None:
        """Nothing to be seen yet."""

    def go_on(self, stage: Stage, since_s: float) -> None:
        """Drift on."""
        stage.grid.instruments.gain[INDEX[self.point]] = 1 + self.percent_per_hour / 100 * since_s / 3600


@settings
class SensorSpike(SensorStep):
    """A measurement jumps and comes back: a loose contact, a flipped bit. Make it as short as a scan or two."""

    FINDS: ClassVar[tuple[str, ...]] = ("spike", *WRONG, "unbalance", "rate_of_change", *BEYOND)

    do: Literal["sensor_spike"]
    factor: float = Field(ge=-100, le=100)
    """How many times its value it shows."""

    @property
    def text(self) -> str:
        """What it does, for people."""
        return f"{self.point} jumps to {self.factor:g} times its value"

    def begin(self, stage: Stage) -> None:
        """Jump."""
        stage.grid.instruments.gain[INDEX[self.point]] = self.factor


@settings
class SensorNoise(SensorStep):
    """A measurement becomes noisy: a bad contact, a lost screen."""

    FINDS: ClassVar[tuple[str, ...]] = (*ODD, "inconsistent", "imbalance", "unbalance", "rate_of_change", *BEYOND)

    do: Literal["sensor_noise"]
    percent: float = Field(gt=0, le=100)
    """Standard deviation, in per cent of its value."""

    @property
    def text(self) -> str:
        """What it does, for people."""
        return f"{self.point} with {self.percent:g} % of noise"

    def begin(self, stage: Stage) -> None:
        """Rustle."""
        stage.grid.instruments.noise[INDEX[self.point]] = self.percent / 100


@settings
class SwappedPoints(Step):
    """Two points show each other's value: a mistake in a list of points."""

    FINDS: ClassVar[tuple[str, ...]] = (*WRONG, "unbalance", "thermal", "gas", *BEYOND)

    do: Literal["swapped_points"]
    point: Point
    """The one."""
    other: Point
    """The other."""

    @property
    def text(self) -> str:
        """What it does, for people."""
        return f"{self.point} and {self.other} exchanged"

    @property
    def points(self) -> tuple[str, ...]:
        """Both."""
        return (self.point, self.other)

    def begin(self, stage: Stage) -> None:
        """Exchange."""
        stage.grid.instruments.exchange(self.point, self.other)

    end = begin


@settings
class SwappedPhases(Step):
    """Two phases are exchanged at the inputs of a meter, so that its powers are wrong, too."""

    FINDS: ClassVar[tuple[str, ...]] = (*WRONG, "unbalance", *BEYOND)

    do: Literal["swapped_phases"]
    unit: Bay
    """The bay whose meter it is; of a transformer, the MV side."""
    inputs: Literal["voltage", "current"]
    """Which inputs."""
    phases: Literal["ab", "bc", "ca"]
    """Which phases."""

    @property
    def text(self) -> str:
        """What it does, for people."""
        return f"{self.inputs} inputs {self.phases[0]} and {self.phases[1]} of {self.unit} exchanged"

    @property
    def points(self) -> tuple[str, ...]:
        """What is computed, and what is shown under the wrong phase."""
        letter = self.inputs[0].replace("c", "i")
        return of_bay(self.unit, *POWERS, *(f"{letter}{phase}" for phase in self.phases), *self._between)

    def begin(self, stage: Stage) -> None:
        """Exchange."""
        wired = stage.grid.instruments
        (wired.volts if self.inputs == "voltage" else wired.amperes).swap(self.unit, self.phases)

    end = begin

    @property
    def _between(self) -> tuple[str, ...]:
        """The voltages between phases that change: both with a third phase."""
        if self.inputs == "current":
            return ()
        return tuple(name for name in VOLTS[3:] if set(name[1:]) != set(self.phases))


FUSE_BLOWN = 0.05
"""What is left behind a blown fuse: coupled in by the other windings of the transformer."""


@settings
class VtFuse(Step):
    """A fuse of a voltage transformer is blown: one phase of the meter is next to nothing, its powers are too low."""

    FINDS: ClassVar[tuple[str, ...]] = (*WRONG, "unbalance", "rate_of_change", *BEYOND)

    do: Literal["vt_fuse"]
    unit: Bay
    """The bay whose meter it is; of a transformer, the MV side."""
    phase: Phase
    """The phase."""

    @property
    def text(self) -> str:
        """What it does, for people."""
        return f"VT fuse of phase {self.phase} of {self.unit} blown"

    @property
    def points(self) -> tuple[str, ...]:
        """The phase, and all that is computed from it."""
        between = (name for name in VOLTS[3:] if self.phase in name[1:])
        return of_bay(self.unit, f"v{self.phase}", *between, *POWERS)

    def begin(self, stage: Stage) -> None:
        """Blow."""
        stage.grid.instruments.volts.scale(self.unit, self.phase, FUSE_BLOWN)

    def end(self, stage: Stage) -> None:
        """Replace."""
        stage.grid.instruments.volts.scale(self.unit, self.phase, 1)


@settings
class CtReversed(Step):
    """A current transformer is connected the wrong way round: its current has its size, and the wrong direction."""

    FINDS: ClassVar[tuple[str, ...]] = WRONG

    do: Literal["ct_reversed"]
    unit: Literal["feeder1", "feeder2", "feeder3", "feeder4", "feeder5", "feeder6", "t1", "t2"]
    """The bay whose meter it is; of a transformer, the MV side."""
    phase: Phase
    """The phase."""

    @property
    def text(self) -> str:
        """What it does, for people."""
        return f"CT of phase {self.phase} of {self.unit} the wrong way round"

    @property
    def points(self) -> tuple[str, ...]:
        """What is computed from it, and the phase: its size is right, and only with the other sign does it all fit."""
        return of_bay(self.unit, *POWERS, "in", f"i{self.phase}")

    def begin(self, stage: Stage) -> None:
        """Turn round."""
        stage.grid.instruments.amperes.scale(self.unit, self.phase, -1)

    def end(self, stage: Stage) -> None:
        """Turn back."""
        stage.grid.instruments.amperes.scale(self.unit, self.phase, 1)
