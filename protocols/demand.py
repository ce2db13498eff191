"""What a driver will ask of its line, known from the configuration alone: for planning, before anything is asked."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

MOVES_S = 1.0
"""How often each value moves where all of them do: a busy substation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """One scan: round trips, octets both ways with their frames, and how long the line itself takes.

    `line_s` are characters, silences and configured pauses; what the device takes to answer is not in it. What is
    `moving` comes only because values move, each once in MOVES_S; without it nothing moves.
    """

    moving: bool = False
    device: str
    every_s: float
    requests: int
    sent_bytes: int = 0
    received_bytes: int = 0
    line_s: float = 0.0


@runtime_checkable
class Demanding(Protocol):
    """A driver that knows the size of its frames."""

    @property
    def demands(self) -> Sequence[Demand]:
        """One for each scan that asks something."""
