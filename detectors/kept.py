"""What a detector keeps over a restart: arrays of fixed shape and type, declared by the names of their attributes."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

State = Mapping[str, NDArray[Any]]
"""Arrays by name."""


class Kept:
    """A detector whose state can be taken out and put back. `KEPT` names its arrays, 0-d ones for single numbers.

    Every array that has a say in what is found later must be among them: then a restart changes no finding.
    """

    KEPT: ClassVar[tuple[str, ...]] = ()
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
        if own.keys() != state.keys():
            raise ValueError(f"state of {', '.join(sorted(state))}, not of {', '.join(sorted(own))}")
        for name, array in own.items():
            if (array.shape, array.dtype) != (state[name].shape, state[name].dtype):
                found = f"{state[name].dtype}{list(state[name].shape)}"
                raise ValueError(f"state {name} is {found}, not {array.dtype}{list(array.shape)}")
        for name, array in own.items():
            np.copyto(array, state[name])


def put(array: NDArray[Any], at: slice | NDArray[np.int32], changed: NDArray[Any]) -> None:
    """Put `changed`, which was `array[at]`, back: nothing to do where that was a view."""
    if not isinstance(at, slice):
        array[at] = changed
