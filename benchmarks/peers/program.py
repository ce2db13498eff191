"""What a program must have to be measured: how it is started, and how its messages are counted."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import points
from broker import Received

from peers.scenario import Scenario

BENCH = Path(__file__).resolve().parent.parent.parent / ".bench"
"""What `make bench-peers` installs; the programs work in a folder in it as well, since /tmp may be RAM."""


@dataclass(frozen=True)
class Site:
    """Where a program is to work: its folder, the ports of devices and broker, and the file of its counter."""

    folder: Path
    ports: Sequence[int]
    broker: int
    counter: Path


@dataclass(frozen=True)
class Start:
    """A command, and what it wants in its environment besides."""

    command: Sequence[str | Path]
    environment: Mapping[str, str] = field(default_factory=dict)


class Program(Protocol):
    """A program that reads registers. One without `publishes` has but a counter of the registers it read."""

    name: str
    publishes: bool
    note: str
    """Its settings, and what is fair or unfair about them."""

    def missing(self) -> str | None:
        """Return what is not installed, None when it can run."""

    def prepare(self, scenario: Scenario, site: Site) -> Start:
        """Write its configuration; return how it is started."""

    def readings(self, message: Received) -> int:
        """Return how many readings a message tells."""

    def beyond(self, message: Received) -> Iterator[str]:
        """Yield DEVICE/ADDRESS of every point that a message says is beyond its limit."""


def over(value: Any) -> bool:
    """Return whether a value is over the limit, which only a register that was set ever is."""
    return bool(value > points.LIMITS["high"])
