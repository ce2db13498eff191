"""The first part of a recording that only teaches: what is seen in it is normal, and no alarm of it is told.

30%     of the time of a capture
3600    seconds
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

from gateway.recording.opened import is_capture
from gateway.recording.source import BadRecording

NS = 1_000_000_000
NEVER_NS = 1 << 62
"""Longer than any recording."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """How much of the recording teaches: a share of it, or so many seconds."""

    share: float = 0.0
    seconds: float = 0.0

    @classmethod
    def parse(cls, text: str) -> "Lesson":
        """Read `30%` or `3600`.

        Raises:
            argparse.ArgumentTypeError: says what is allowed.
        """
        try:
            number = float(text.removesuffix("%"))
        except ValueError:
            number = -1.0
        share = text.endswith("%")
        if not 0 <= number <= (100 if share else 31_536_000):
            raise argparse.ArgumentTypeError(f"'{text}' is neither a share such as 30% nor seconds such as 3600")
        return cls(share=number / 100) if share else cls(seconds=number)

    def length_ns(self, recording: Path) -> int:
        """Return how long it takes.

        Raises:
            BadRecording: a share of what has no known length.
        """
        if not self.share:
            return int(self.seconds * NS)
        if not is_capture(recording):
            raise BadRecording(f"{recording}: a share is learned from captures only; say seconds")
        from gateway.recording.capture_file import span  # noqa: PLC0415 - only where it is needed

        first_ns, last_ns = span(recording)
        return int((last_ns - first_ns) * self.share)
