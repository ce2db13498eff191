"""A capture that is played to the daemon as fast as it was taken: its first frame is now."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from protocols.driver import Clock, LinkLost
from protocols.tap.capture.pcap import Capture
from protocols.tap.capture.reading import BadCapture
from protocols.tap.capture.source import Captured

AT_ONCE: Final = 256
"""Frames of one call."""


class Player:
    """Plays the capture at `path` by `clock`, once.

    Raises:
        LinkLost: it is no capture, or cannot be opened.
    """

    dropped = 0

    def __init__(self, path: Path, clock: Clock) -> None:
        self.received = 0
        self.over = False
        try:
            self._capture = Capture(path)
        except (OSError, BadCapture) as error:
            raise LinkLost(f"capture {path}: {getattr(error, 'strerror', None) or error}") from None
        self._clock, self._shift_ns = clock, 0
        self._next: Captured | None = None
        self._step()
        if self._next is not None:
            self._shift_ns = clock() - self._next[1]

    @property
    def notes(self) -> list[str]:
        """What was left out of the capture."""
        return self._capture.notes

    def frames(self) -> Iterator[Captured]:
        """Yield the frames whose time has come, as if they were taken now, at most `AT_ONCE`."""
        now_ns = self._clock()
        for _ in range(AT_ONCE):
            if self._next is None or self._next[1] + self._shift_ns > now_ns:
                return
            data, time_ns, vlan, wire = self._next
            self._step()
            self.received += 1
            yield data, time_ns + self._shift_ns, vlan, wire

    def close(self) -> None:
        """Let go of the file."""
        self._capture.close()

    def _step(self) -> None:
        self._next = next(self._capture.frames(), None)
        self.over = self._next is None
