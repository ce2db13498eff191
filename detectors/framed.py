"""What most checks are: they look at frames, and are asked about nothing else."""

from detectors.kept import Kept


class Framed(Kept):
    """A detector that says nothing to batches, events and ticks: so many come a second that not being asked counts."""
