"""The reports of one block, one after the other: what each brings, what is missing between them, and what came twice.

Pure: reports in, readings into the image; nothing is asked here.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from protocols.iec61850 import report
from protocols.iec61850.layout import Image, Member
from protocols.iec61850.report import Taken
from protocols.iec61850.transport import Violation
from protocols.model import Quality

MOST_KNOWN: Final = 1024
"""Entries known as taken, while a device replays from the beginning; 40 bytes each."""
LAST_NUMBERS: Final = {True: (0xFFFF,), False: (0xFF, 0xFFFF)}
"""After these SqNum is 0 again: INT16U of buffered blocks, INT8U of others, which some devices count in 16 bits."""
_CHANGED: Final = 0x38
"""Reasons data change, quality change, data update."""


class Outdated(Exception):
    """What was learned of the device does not hold any more: it must be learned anew."""


@dataclass(slots=True)
class Outcome:
    """What a report brings.

    `places` are the points whose readings are new, `lost` says what is missing before it, `ahead_ns` how far the
    device's clock is ahead of ours, where that can be told; `back` whether its number goes back, or that or its entry
    comes twice.
    """

    places: list[int] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    bookmark: bytes | None = None
    ahead_ns: int | None = None
    back: bool = False


class Feed:
    """Follows one block over its conversations. `caught_up` is whether everything from before this one has come."""

    def __init__(self) -> None:
        self.caught_up = False
        self.interrogate = False
        """Whether all values must be asked for, as changes were lost or none is known yet."""
        self.last: bytes | None = None
        self._name = ""
        self._buffered = False
        self._members: Sequence[Member] = ()
        self._revision: int | None = None
        self._sequence: int | None = None
        self._segment: int | None = None
        self._known: deque[tuple[bytes | None, int | None, int]] = deque(maxlen=MOST_KNOWN)
        self._replaying = False
        self._anew = False
        self._foreign: int | None = None

    def learn(self, name: str, members: Sequence[Member], revision: int | None, *, buffered: bool) -> None:
        """Be ready for reports of the block `name`, whose data set has these `members`."""
        self._name, self._members, self._revision, self._buffered = name, members, revision, buffered

    def begin(self, *, anew: bool, replaying: bool) -> None:
        """Be ready for the first report after enabling.

        `anew`: all that the device has is replayed, so what fell out of its buffer before is old news. `replaying`: it
        does not know the entry that was the last one here, so what it replays may have been taken already.
        """
        self._anew, self._replaying = anew, replaying
        self._sequence = self._segment = self.last = None
        self.caught_up, self.interrogate = not self._buffered, True

    def receive(self, seen: Taken, image: Image, arrival_ns: int) -> Outcome:
        """Put a report into `image`.

        Raises:
            Outdated: its data set is not what it was.
            Violation: it does not fit its data set.
        """
        outcome = Outcome()
        if self._is_foreign(seen):
            return self._pass_over(seen, image, outcome)
        if seen.size != len(self._members):
            raise Violation(f"{self._name}: a report of {seen.size} members, its data set has {len(self._members)}")
        self._follow(seen, outcome)
        if seen.overflow and not self._anew:
            outcome.lost.append(f"{self._name}: the device's buffer was full, its oldest reports are lost")
        if seen.reasons & report.GI and not seen.more:
            self._anew, self.caught_up = False, True
        outcome.back = outcome.back or self._is_entry_twice(seen)
        self._mark(seen, outcome)
        if self._is_known(seen):
            return outcome
        self._fill(seen, image, outcome)
        if self.caught_up and seen.time_ns and seen.reasons & (report.INTEGRITY | report.GI):
            outcome.ahead_ns = seen.time_ns - arrival_ns
        return outcome

    def _is_foreign(self, seen: Taken) -> bool:
        """Return whether it is of another revision of the data set although that was learned anew.

        Raises:
            Outdated: it must be.
        """
        if seen.revision is None or self._revision in (None, seen.revision):
            return False
        if self._foreign != seen.revision:
            self._foreign = seen.revision
            raise Outdated(f"{self._name}: ConfRev {seen.revision}, was {self._revision}: its data set has changed")
        return True

    def _pass_over(self, seen: Taken, image: Image, outcome: Outcome) -> Outcome:
        """Take no value, as nobody knows whose it is, and say so by the quality of every point."""
        outcome.lost.append(f"{self._name}: reports of ConfRev {seen.revision} are lost, its data set is of another")
        outcome.places = sorted({place for member in self._members for place in member.valued})
        image.refuse(outcome.places, "", Quality.INCONSISTENT)
        self._mark(seen, outcome)
        return outcome

    def _is_entry_twice(self, seen: Taken) -> bool:
        """Return whether the entry before is told again: a block has each once, whatever its number."""
        once = self._buffered and seen.segment is None and any(seen.entry_id or b"")
        return once and seen.entry_id == self.last

    def _mark(self, seen: Taken, outcome: Outcome) -> None:
        if self._buffered and seen.entry_id and not seen.more:
            outcome.bookmark = self.last = seen.entry_id

    def _fill(self, seen: Taken, image: Image, outcome: Outcome) -> None:
        touched: set[int] = set()
        changed = seen.reasons & _CHANGED and not seen.reasons & (report.INTEGRITY | report.GI)
        for index, span in zip(seen.members, seen.values, strict=True):
            member = self._members[index]
            if not member.places:
                continue
            member.take(seen.data, span, image)
            touched.update(member.places)
            for place in member.untimed:
                image.time_ns[place] = seen.time_ns if changed else 0
        outcome.places = sorted(touched)

    def _follow(self, seen: Taken, outcome: Outcome) -> None:
        """Note a gap in the sequence numbers, or in the segments of one."""
        before, self._sequence = self._sequence, seen.sequence
        segment, self._segment = self._segment, (seen.segment if seen.more else None)
        if seen.sequence is None or before is None:
            return
        follows = seen.sequence == before and segment is not None and seen.segment == segment + 1
        wrapped = seen.sequence == 0 and before in LAST_NUMBERS[self._buffered]
        follows = follows or (segment is None and (seen.sequence == before + 1 or wrapped) and not seen.segment)
        if not follows:
            outcome.lost.append(f"{self._name}: after report {before} came {seen.sequence}, reports are lost")
            outcome.back = seen.sequence <= before
            self.interrogate = True

    def _is_known(self, seen: Taken) -> bool:
        if not self._buffered:
            return False
        name = (seen.entry_id, seen.segment, seen.time_ns)
        known = self._replaying and name in self._known
        if not known:
            self._known.append(name)
        return known
