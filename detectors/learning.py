"""How a check learns what is normal: the keys that say so, and the one place that answers when and how far.

learning   its limits are not there yet, or are made anew: it says less than it will, or nothing
ready      they are there, at the rate of false alarms that the check states; it may go on to follow the season
frozen     they are there and stay as they are: so it was told, or something is wrong and has no say in them
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Literal

from detectors import stretches
from detectors.detector import DetectorConfig, State
from protocols.settings import Fault, settings


class Lessons:
    """When a detector may learn: not from excluded stretches, and where it is frozen no more once it is ready."""

    def __init__(self, exclude: tuple[stretches.Stretch, ...] = (), *, frozen: bool = False) -> None:
        self.frozen = frozen
        self._stretches = stretches.Stretches(exclude)

    def excluded(self, utc_ns: int) -> bool:
        """Return whether nothing is learned from that time, by the calendar."""
        return self._stretches.cover(utc_ns)

    def state(self, share: float, *, held: bool = False) -> State:
        """Return the word for what has done `share` of its learning; `held`: something is wrong with it now."""
        if share < 1:
            return "learning"
        return "frozen" if self.frozen or held else "ready"


@settings
class LearningConfig(DetectorConfig):
    """Keys of every detector that learns limits."""

    learning: Literal["auto", "frozen"] = "auto"
    """auto goes on learning what is normal; frozen keeps the limits as they are once they are ready."""
    exclude: tuple[stretches.Stretch, ...] = ()
    """Times [from, to] from which nothing is learned, ISO 8601, UTC without an offset."""

    def faults(self) -> Iterator[Fault]:
        """Yield the stretches that are none."""
        yield from stretches.faults(self.exclude)

    @property
    def lessons(self) -> Lessons:
        """When it learns."""
        return Lessons(self.exclude, frozen=self.learning == "frozen")

    def identity(self) -> str:
        """Return it without these keys: who freezes a check, or excludes a day, does not want it to forget the rest."""
        return repr(replace(self, learning="auto", exclude=()))
