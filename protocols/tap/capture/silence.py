"""When nothing is heard any more on a wire that is never quiet: its switch restarts, or the mirror was taken away.

What publishers miss in such a time nobody held back: everybody fell silent at once.
"""

from typing import Final

from protocols.model import Event, EventKind
from protocols.sighting import Sighting

NS: Final = 1_000_000_000
SILENT_S: Final = 4
"""Whole seconds without a frame: GOOSE alone is sent more often, and a spanning tree is laid anew in two."""
PAUSE_S: Final = 2
"""A wire that is silent for so long now and then is a quiet one, where silence says nothing."""
STEADY_S: Final = 60
"""Seconds without such a pause that show that a wire is never quiet."""


class Silence:
    """Looks once a second at how many frames there were; `device` is the tap.

    `recorded` is whether they come from a file: whoever took it may have paused, and nobody is deaf now.
    """

    def __init__(self, device: str, *, recorded: bool = False) -> None:
        self._device, self._recorded = device, recorded
        self._frames = self._silent_s = self._steady_s = 0
        self._second = -1

    def look(self, frames: int, now_ns: int) -> list[Event]:
        """Return an event for each second in which nothing is heard, from the fourth on; `frames` are all until now."""
        if now_ns // NS == self._second:
            return []
        self._second = now_ns // NS
        if frames != self._frames:
            self._steady_s = 0 if self._silent_s >= PAUSE_S else self._steady_s + 1
            self._frames, self._silent_s = frames, 0
            return []
        self._silent_s += 1
        if self._silent_s < SILENT_S or self._steady_s < STEADY_S:
            return []
        text = f"nothing was heard for {self._silent_s} s"
        facts = {"silent_s": self._silent_s, "recorded": self._recorded}
        return [Sighting(self._device, EventKind.DROPS, text, now_ns, facts=facts)]
