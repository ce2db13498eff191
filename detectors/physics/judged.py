"""What detectors share whose equations a judge decides: its state, and how far it has learned."""

from collections.abc import Sequence

from detectors.detector import Learned
from detectors.framed import Framed
from detectors.kept import State
from detectors.physics.judge import Judge


class Judged(Framed):
    """A detector with a `judge`; what it keeps besides, it adds to `state`."""

    judge: Judge

    def state(self) -> State:
        """Return the state of all equations."""
        return self.judge.state()

    def restore(self, state: State) -> None:
        """Put back what `state` returned once."""
        super().restore(state)
        self.judge.restored()

    def learned(self) -> Sequence[Learned]:
        """Return how far the equations know what is normal."""
        return [self.judge.learned()] if len(self.judge.system) else ()
