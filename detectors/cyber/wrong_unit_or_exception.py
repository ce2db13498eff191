"""A device that answers as another one, or refuses with codes that it never used: somebody else may answer for it.

Three of the last five polls must be so: a device that is busy, or a gateway that mixes up units once, is everyday.
"""

from typing import ClassVar, Final

import numpy as np

from detectors.cyber.check import Check, Desk
from detectors.model import Severity
from protocols.model import Batch, Event, EventKind
from protocols.sighting import Sighting

POLLS: Final = 5
ENOUGH: Final = 3
"""Of so many polls: one may be a mix-up, two a coincidence."""
LAST: Final = (1 << POLLS) - 1
TROUBLES_MAX: Final = 256
"""Kinds of trouble that are followed at once: a device has three or four; of more the oldest is let go."""
WORDS: Final = {
    "unit": "another unit answers",
    "function": "answers to what was not asked",
    "request": "answers nobody waits for",
}


class WrongUnitOrException(Check):
    """Keeps, of each device in trouble, which of its last polls were bad."""

    NAME: ClassVar[str] = "wrong_unit_or_exception"
    KINDS: ClassVar[frozenset[EventKind]] = frozenset({EventKind.ORPHAN, EventKind.EXCEPTION})
    TECHNIQUES: ClassVar[tuple[str, ...]] = ("T0848", "T0861")
    SEVERITY: ClassVar[Severity] = Severity.WARNING
    BATCHES: ClassVar[bool] = True
    ADVICE: ClassVar[str] = "Compare the MAC address behind its address, and whether its register map was changed."

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._polls: dict[tuple[str, str], int] = {}
        self._bad: set[tuple[str, str]] = set()
        """Troubles that the poll which is under way has shown already."""

    def event(self, seen: Event) -> None:
        """Note a bad poll of one of our own conversations."""
        if not isinstance(seen, Sighting) or not seen.live:
            return
        word = _word(seen)
        place = seen.device, word
        if not word or place in self._bad:
            return
        self._polls[place] = polls = (self._polls.pop(place, 0) << 1 | 1) & LAST
        if len(self._polls) > TROUBLES_MAX:
            gone = next(iter(self._polls))
            del self._polls[gone]
            self._bad.discard(gone)
        if seen.kind is EventKind.EXCEPTION:
            self._bad.add(place)  # its poll goes on, and its batch comes first
        if polls.bit_count() >= ENOUGH:
            self._tell(seen, word)

    def batch(self, batch: Batch) -> None:
        """Note a good poll, of those that were in trouble."""
        if not self._polls or not len(batch):
            return
        points = self.desk.points
        devices = {points.devices[index] for index in np.unique(points.device_of[batch.rows]).tolist()}
        for place in [place for place in self._polls if place[0] in devices]:
            self._polls[place] = polls = (self._polls[place] << 1) & LAST
            self._bad.discard(place)
            if not polls:
                del self._polls[place]

    def _tell(self, seen: Sighting, word: str) -> None:
        if seen.kind is EventKind.EXCEPTION:
            key = f"{seen.device} {word}"
            if self.desk.baseline.meet(self.NAME, key, self.desk.now_ns) in ("known", "learned"):
                return
            text = f"{seen.device} answers function {seen.function} with {seen.detail}, which it never did"
        else:
            text = f"{seen.device}: {WORDS[word]}, {ENOUGH} times in {POLLS} polls: {seen.detail}"
        self.alarm(seen, text, subject=word)


def _word(seen: Sighting) -> str:
    """Return what kind of trouble it is; nothing for late answers, which are slow and not wrong."""
    if seen.kind is EventKind.EXCEPTION:
        return f"function {seen.function} exception {seen.facts.get('code')}"
    why = str(seen.facts.get("why", ""))
    return why if why in WORDS else ""
