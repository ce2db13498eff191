"""Frames: the plant as a whole, once a second, for the checks that compare points or learn what is normal."""

import numpy as np

from detectors.kept import Kept
from gateway.core.image import Image
from protocols.model import BELIEVABLE_, Frame, usable

FRAME_NS = 1_000_000_000
"""One frame a second, as quick as scans usually are: what the checks cost no longer depends on how fast is polled."""


class Frames(Kept):
    """Makes a frame of the process image with the first tick of each second."""

    KEPT = ("_second",)
    OF_POINTS = False

    def __init__(self, image: Image) -> None:
        self._image = image
        self._second = np.full((), -1, np.int64)

    def turn(self, time_ns: int, utc_ns: int) -> Frame | None:
        """Return the frame that is due at `time_ns`, of the time without steps, if one is."""
        second = time_ns // FRAME_NS
        if second == int(self._second):
            return None
        self._second[...] = second
        image, n = self._image, len(self._image.values)
        values, fresh, known = image.values.copy(), image.read.copy(), np.abs(image.values) < BELIEVABLE_
        if np.count_nonzero(known) < n or np.count_nonzero(image.quality):
            known = usable(image.quality)
            known &= np.isfinite(values)
            values[~known] = np.nan
            fresh &= known
            known &= np.abs(values) < BELIEVABLE_
        image.read.fill(False)
        complete = np.count_nonzero(fresh) == np.count_nonzero(known) == n
        for array in (values, fresh):
            array.flags.writeable = False
        return Frame(time_ns, utc_ns, values, fresh, complete=complete)
