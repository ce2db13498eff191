"""Groups: values of a bay that no longer fit together as they did while it was learned what is normal.

Groups of nearly one size are a cohort (`detectors/group/cohort.py`): matrices of one shape are quick, and those of a
bay of seven values are sixteen times as small as those of one of twenty-eight.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from detectors.detector import Learned
from detectors.framed import Framed
from detectors.group.cohort import Cohort
from detectors.groups import Group
from detectors.kept import State
from detectors.model import Finding
from protocols.model import Frame, Seen
from protocols.points import Points

if TYPE_CHECKING:
    from detectors.group.config import GroupConfig

STEP = 8
"""Points by which the groups of a cohort differ in size, at most."""


class GroupDetector(Framed):
    """Hands frames to its cohorts, from the smallest groups to the largest."""

    def __init__(self, points: Points, groups: Sequence[Group], config: "GroupConfig") -> None:
        sizes = sorted({_class_of(group) for group in groups})
        cohorts = [[group for group in groups if _class_of(group) == size] for size in sizes]
        self.whose = [np.concatenate([group.rows for group in groups] or [np.zeros(0, np.int32)])]
        places, found = [group.subject for group in groups], [group.subject for each in cohorts for group in each]
        self._order = sorted(range(len(found)), key=lambda k: places.index(found[k]))
        self._cohorts = [Cohort(points, each, config) for each in cohorts]

    def state(self) -> State:
        """Return the arrays of its cohorts."""
        return {f"{k}.{name}": array for k, each in enumerate(self._cohorts) for name, array in each.state().items()}

    def resume(self, active: Sequence[Finding]) -> Sequence[Finding]:
        """Take up what was active when the gateway stopped."""
        return [taken for cohort in self._cohorts for taken in cohort.resume(active)]

    def learned(self) -> Sequence[Learned]:
        """Return how far each group is."""
        found = [each for cohort in self._cohorts for each in cohort.learned()]
        return [found[k] for k in self._order]

    def observe(self, seen: Seen) -> Sequence[Finding]:
        """Return the groups that began or ceased to be outliers."""
        if not isinstance(seen, Frame):
            return ()
        return [said for cohort in self._cohorts for said in cohort.observe(seen)]


def _class_of(group: Group) -> int:
    return (len(group) - 1) // STEP
