"""What is read in each scan class: the data sets that are named, and by variables what else no block brings."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from open61850.mms.pdu import ObjectName

from protocols.driver import Clock
from protocols.iec61850.codec import Refusal
from protocols.iec61850.config import OBJECT, Iec61850Device
from protocols.iec61850.layout import Wanted
from protocols.iec61850.polled import Asked, fetch, in_messages, variables
from protocols.iec61850.questions import Questions
from protocols.iec61850.readings import Readings
from protocols.iec61850.remarks import Remarks
from protocols.model import Read


class Plan:
    """Reads `classes`, each the places of one scan class; data sets are read in the first of them, the fastest.

    `asked` are the requests of each class; `covered` the points that were left out when it was made, as blocks bring
    them: None until then.
    """

    def __init__(
        self,
        device: Iec61850Device,
        readings: Readings,
        remarks: Remarks,
        *,
        clock: Clock,
        classes: Sequence[frozenset[int]],
    ) -> None:
        self.asked: list[list[Asked]] = []
        self.covered: AbstractSet[int] | None = None
        self._data_sets = {name: _reference(name) for name in device.data_sets}
        self._readings, self._remarks, self._clock, self._classes = readings, remarks, clock, classes
        self._missing: dict[int, str] = {}

    async def make(self, questions: Questions, covered: AbstractSet[int]) -> None:
        """Plan how all but the `covered` points are read.

        Raises:
            TimeoutError, LinkLost, Violation: as `Questions`; what was planned before stays.
        """
        if self._classes:
            image = self._readings.image
            image.refused.clear()
            left = {each.place: each for each in self._readings.wanted if each.place not in covered}
            asked: list[list[Asked]] = [[] for _ in self._classes]
            asked[0] = await self._whole(questions, left)
            await questions.learn([each.path for each in left.values()])
            for of_class, places in zip(asked, self._classes, strict=True):
                own = [each for each in left.values() if each.place in places]
                of_class.extend(in_messages(variables(questions, own, image), questions.max_pdu))
            self._missing = dict(image.refused)
            self.asked = asked
        self.covered = covered

    async def read(self, questions: Questions, key: int) -> list[Read]:
        """Read the scan class `key`.

        Raises:
            TimeoutError, LinkLost, Violation: as `Questions`.
        """
        image, asked = self._readings.image, self.asked[key]
        image.refused = dict(self._missing)
        smaller = [each for one in asked for each in await fetch(questions, one, image)]
        self.asked[key] = smaller
        elsewhere = {place for other in self.asked if other is not smaller for one in other for place in one.places}
        left = self._classes[key] - (self.covered or frozenset()) - elsewhere
        places = sorted(left.union(*(each.places for each in smaller)))
        self._remarks.refusals(places, image.refused)
        return [self._readings.batch(places, self._clock())] if places else []

    async def _whole(self, questions: Questions, left: dict[int, Wanted]) -> list[Asked]:
        """Return the data sets that bring something which is `left`, and take it from there."""
        asked: list[Asked] = []
        for name, reference in self._data_sets.items():
            found = await questions.members(reference, list(left.values()))
            if isinstance(found, Refusal):
                self._remarks.refusal(name, f"data set {name}: {found}")
                continue
            one = Asked.of_data_set(reference, found)
            if one.places:
                asked.append(one)
            for place in one.places:
                left.pop(place)
        return asked


def _reference(name: str) -> ObjectName:
    match = OBJECT.fullmatch(name)
    assert match is not None
    return ObjectName(f"{match[2]}${match[3]}", match[1])
