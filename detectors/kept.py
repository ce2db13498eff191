"""What a detector keeps over a restart: arrays of fixed shape and type, declared by the names of their attributes."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from protocols.model import Rows

State = Mapping[str, NDArray[Any]]
"""Arrays by name."""
Marks: TypeAlias = NDArray[np.uint64]
"""One number for each of several things, by which it is known again."""
WHOSE = "whose"
"""The array of a state that says of what the entries of the others are."""


class Kept:
    """A detector whose state can be taken out and put back. `KEPT` names its arrays, 0-d ones for single numbers.

    Every array that has a say in what is found later must be among them: then a restart changes no finding.

    Where each entry of the last axis of all arrays is of one point, `whose` names their rows: then what was learned of
    them is kept when other points come and go. `COMMON` arrays have no such axis, as 0-d ones; they are taken as they
    are. What looks at several points together names all of them as one: its state is kept while they stay.
    """

    KEPT: ClassVar[tuple[str, ...]] = ()
    COMMON: ClassVar[frozenset[str]] = frozenset()
    OF_POINTS: ClassVar[bool] = True
    """Whether its state means nothing when the points are others, unless `whose` tells them apart."""
    whose: Rows | Sequence[Rows] | None = None
    made_by: str = ""
    """Fingerprint of the configuration that made it: the state of another is not for it."""

    def state(self) -> State:
        """Return the arrays themselves, not copies."""
        return {name: getattr(self, name) for name in self.KEPT}

    def restore(self, state: State) -> None:
        """Put back what `state` returned once.

        Raises:
            ValueError: it is of another shape or type, or something is missing; nothing is changed then.
        """
        own = self.state()
        state = {name: array for name, array in state.items() if name != WHOSE}
        if own.keys() != state.keys():
            raise ValueError(f"state of {', '.join(sorted(state))}, not of {', '.join(sorted(own))}")
        for name, array in own.items():
            if (array.shape, array.dtype) != (state[name].shape, state[name].dtype):
                found = f"{state[name].dtype}{list(state[name].shape)}"
                raise ValueError(f"state {name} is {found}, not {array.dtype}{list(array.shape)}")
        for name, array in own.items():
            np.copyto(array, state[name], where=array != state[name])  # pages that nobody wrote take no memory

    def moved(self, state: State, there: Marks, here: Marks) -> State:
        """Return `state`, whose entries are of `there`, for entries `here`: what was not there is as it is here now.

        What has another shape is left as it is; `restore` refuses it.

        Raises:
            ValueError: nothing of `here` was there.
        """
        _, olds, news = np.intersect1d(there, here, return_indices=True)
        if len(there) and len(here) and not len(olds):
            raise ValueError("it belongs to other points")
        told = {name: array for name, array in state.items() if name != WHOSE}
        for name, array in self.state().items():
            old = told.get(name)
            if old is None or not old.ndim or name in self.COMMON:
                continue
            if old.shape[-1] == len(there) and array.shape[-1] == len(here):
                told[name] = array.astype(old.dtype)
                told[name][..., news] = old[..., olds]
        return told


def put(array: NDArray[Any], at: slice | NDArray[np.int32], changed: NDArray[Any]) -> None:
    """Put `changed`, which was `array[at]`, back: nothing to do where that was a view."""
    if not isinstance(at, slice):
        array[at] = changed
