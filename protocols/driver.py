"""The interface of every protocol: one conversation with one endpoint, which never writes to a device."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias, runtime_checkable

from protocols.model import Event, Read, Rows

Clock: TypeAlias = Callable[[], int]
"""Returns UTC nanoseconds since 1970; handed to drivers so that tests and replays own the time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """What a driver may know of the world beyond its endpoint.

    `clock` is ours, `synchronised` whether it follows a time source now, `bookmarks` by device and key what the drivers
    left on disk when the gateway ran last; `broker` is host and port of our uplink, which a tap leaves out.
    """

    clock: Clock
    synchronised: Callable[[], bool] = lambda: False
    bookmarks: Mapping[tuple[str, str], bytes] = field(default_factory=dict)
    broker: tuple[str, int] = ("", 0)


class LinkLost(Exception):
    """The conversation is over: the poller reconnects. Says why in one sentence.

    `events` are what the conversation had to say before it ended (a violation, a refused point); the poller
    passes them on.
    """

    def __init__(self, reason: str, events: Sequence[Event] = ()) -> None:
        super().__init__(reason)
        self.events = tuple(events)


@dataclass(frozen=True, slots=True, eq=False)
class Scan:
    """What can be asked at once, and how often.

    `key` names it within its driver; `rows` are the points it fills, ascending; `requests` is how many
    round trips it takes at present, 0 for one that fetches what the device has sent of itself;
    `timeout_s` is how long each single request may take, set by the poller.
    """

    key: int
    device: str
    every_s: float
    rows: Rows
    requests: int = 1
    timeout_s: float = 1.0


class Driver(Protocol):
    """One conversation with one endpoint, shared by all its units; knows no schedule and no retry."""

    @property
    def scans(self) -> Sequence[Scan]:
        """What can be asked and how often."""

    async def connect(self) -> Sequence[Event]:
        """Open the conversation.

        Raises:
            OSError, LinkLost: nobody answers, or not in this protocol.
        """

    async def read(self, scan: Scan) -> Sequence[Read]:
        """Ask once what `scan` names. Points that the device refuses come back with a bad quality.

        Raises:
            TimeoutError: this unit did not answer in time; the conversation itself goes on.
            LinkLost: the conversation is over.
        """

    async def close(self) -> None:
        """End the conversation; may be called twice."""


@runtime_checkable
class Explaining(Protocol):
    """A driver that can say how it reads a point."""

    def explain(self, row: int) -> Mapping[str, str]:
        """Return in words what is asked for `row`, and as `raw` the octets that came last; nothing of a stranger."""
