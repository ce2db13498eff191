"""What most checks are: they look at frames, and are asked about nothing else."""

from detectors.detector import Kinds
from detectors.kept import Kept
from protocols.model import Frame


class Framed(Kept):
    """A detector that says nothing to batches, events and ticks."""

    sees: Kinds = (Frame,)
