"""The interface of whatever gives frames: the ring, plain receiving, a capture."""

from collections.abc import Iterator
from typing import Protocol, TypeAlias

Captured: TypeAlias = tuple[memoryview, int, int, int]
"""An Ethernet frame, UTC nanoseconds, the VLAN whose tag is not in the frame (0 none), and its length on the wire."""


class Source(Protocol):
    """Where frames come from; `received` counts them."""

    received: int

    def frames(self) -> Iterator[Captured]:
        """Yield what waits, at most so much of it; nothing when nothing waits. Each frame is gone with the next.

        Raises:
            LinkLost: no more will come; says why.
        """

    @property
    def dropped(self) -> int:
        """How many frames were lost so far because nobody fetched them in time."""

    def close(self) -> None:
        """End it; may be called twice."""
