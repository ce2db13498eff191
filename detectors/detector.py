"""The interface of every detector: it sees everything once, in order, and keeps a fixed-size state."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, Self, TypeAlias, runtime_checkable

from detectors.cyber.baseline import Baseline
from detectors.model import Finding, Report, Said
from protocols.model import Batch, Event, Frame, Seen, Tick
from protocols.points import Points
from protocols.settings import Field, settings


class Detector(Protocol):
    """Sees everything once, in order. Asks no clock, no network and no disk: time reaches it in what it sees.

    What must survive a restart it declares as `detectors.kept.Kept`; whether it has learned enough, as `Learning`; what
    it has anything to say to, as `sees`.
    """

    def observe(self, seen: Seen) -> Sequence[Said]:
        """Return what began or ended with this, and what there is to report; nothing while nothing changes."""

    def resume(self, active: Sequence[Finding]) -> Sequence[Finding]:
        """Take up its findings that were active when the gateway stopped, so that it can end them.

        Return those it took up: a point or device that it watches no more is not among them. What is not in `active`
        is not active, whatever the state that was restored before says.
        """


Kinds: TypeAlias = tuple[type[Seen], ...]
EVERYTHING: Kinds = (Batch, Event, Tick, Frame)


def sees(detector: Detector) -> Kinds:
    """Return what a detector is asked about, by its attribute `sees`: everything where it has none.

    So many batches and ticks come a second that not being asked counts.
    """
    kinds: Kinds = getattr(detector, "sees", EVERYTHING)
    return kinds


State: TypeAlias = Literal["learning", "ready", "frozen"]
"""How it is with what a check has learned; `detectors/learning.py` says what each means."""


@dataclass(frozen=True, slots=True)
class Learned:
    """How far a detector knows what is normal for `subject`: `share` of its learning is done, 0 to 1."""

    subject: str
    state: State
    share: float
    detail: str = ""


@runtime_checkable
class Learning(Protocol):
    """A detector that has to learn what is normal first."""

    def learned(self) -> Sequence[Learned]:
        """Return how far it is, with each of its subjects."""


@runtime_checkable
class Remembering(Protocol):
    """A detector that keeps what is normal as facts, which people read, approve and take back.

    They are no arrays and belong to no points: they are kept as text, whatever the configuration becomes.
    """

    @property
    def baseline(self) -> Baseline:
        """Return the facts."""


@runtime_checkable
class Daily(Protocol):
    """A detector that sums up days."""

    def so_far(self) -> Sequence[Report]:
        """Return the reports of the day that is open, as far as it has come at the last frame."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """Whether a configuration makes a check possible for `subject`; `text` says with what, or what is missing."""

    check: str
    subject: str
    possible: bool
    text: str


@settings
class DetectorConfig:
    """Keys of every detector."""

    enabled: bool = True
    """Whether it looks at all."""
    points: tuple[str, ...] = Field(default=("*",), min_length=1)
    """The points it looks at: shell-style patterns of DEVICE.POINT."""

    def build(self, points: Points) -> Detector:
        """Make the detector, its arrays sized from `points`."""
        raise NotImplementedError(type(self).__name__)

    def identity(self) -> str:
        """Return what must be the same for its learned state to be of use: all of its keys."""
        return repr(self)

    def at(self, timezone: str) -> Self:  # noqa: ARG002 - for those that count days
        """Return it as it is at a gateway in `timezone`."""
        return self

    def outlook(self, points: Points) -> Sequence[Outlook]:  # noqa: ARG002 - for those that need roles
        """Return what it can check with `points`, and what is missing for the rest; nothing where it needs nothing."""
        return ()
