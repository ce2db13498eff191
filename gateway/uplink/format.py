"""What a format is to the publisher: how a conversation begins, what is said, and when a row may leave the store.

A format has no task, no socket and no retry. It turns what the gateway knows into messages; the publisher decides when
one may go, and tells the store what has arrived.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from gateway.core.messages import Alarm
from gateway.store.record import Gap, Record
from gateway.uplink.commands import NO_JOURNAL, Journal
from gateway.uplink.message import Incoming, Outgoing
from gateway.uplink.schedule import Due
from protocols.model import Qualities, Times, Values

Readings: TypeAlias = tuple[Sequence[str], Values, Qualities, Times]
"""The last readings of a device: names of its points, values, flags, and each reading's own time."""


class States(Protocol):
    """Where a format keeps what must survive a restart."""

    async def states(self, prefix: str) -> Mapping[str, bytes]:
        """Return the states whose key begins with `prefix`."""

    def append(self, records: Sequence[Record], states: Mapping[str, bytes | None], *, urgent: bool = False) -> None:
        """Let records and states be stored."""

    async def flush(self) -> None:
        """Wait until everything handed over so far is on disk."""


@dataclass(frozen=True, slots=True)
class Sources:
    """What a format asks the gateway.

    `birth` what it measures, in words; `status` how it is; `gaps` every one there ever was, None if nobody knows;
    `command` acts on an alarm; `readings` of a device; `links` whether each device answers; `alarms` that are not
    normal; `states` keeps things.
    """

    birth: Callable[[], Mapping[str, Any]]
    status: Callable[[], Mapping[str, Any]]
    gaps: Callable[[], Awaitable[Sequence[Gap] | None]]
    command: Callable[[Mapping[str, Any]], Mapping[str, Any]]
    readings: Callable[[str], Readings]
    links: Callable[[], Mapping[str, bool]]
    alarms: Callable[[], Iterable[Alarm]]
    states: States
    journal: Journal = NO_JOURNAL


class Format(Protocol):
    """One way to say everything, for one publisher. `wake` is set by it when there is something to say."""

    qos: int
    """1 when the broker acknowledges each row; 0 when later answers of it must do."""
    hold_s: float
    """How long a row stays in the store after the broker has it; what a lost connection leaves there goes again."""
    with_will: bool
    """Whether the broker is to publish the last will even after a conversation that ends in order (MQTT 5 only)."""
    rest_s: float
    """How often it wants to be asked for its own messages although nobody has woken the publisher."""
    watched: Sequence[str]
    """Topics that it listens to."""
    commanded: Sequence[str]
    """Topics of commands: not listened to after a command that was larger than any can be."""

    @property
    def ready(self) -> bool:
        """Whether anybody is there to talk to: while not, nothing is said; when no longer, the conversation ends."""

    def rewound(self) -> bool:
        """Return, once, whether what is still in the store must go again: a host has missed something."""

    async def prepare(self) -> None:
        """Get ready for another attempt to connect."""

    def will(self) -> Outgoing:
        """Return the last will for the CONNECT that goes now."""

    def begin(self) -> None:
        """A conversation has begun: all that was told before it may be forgotten over there."""

    def received(self, message: Incoming) -> None:
        """Take a message from the broker."""

    def birth_now(self) -> None:
        """Tell anew what is measured."""

    def status_now(self) -> None:
        """Tell how the gateway is."""

    async def own(self) -> Outgoing | None:
        """Return what the gateway has to say about itself now, before any row."""

    def row(self, due: Due) -> Sequence[Outgoing]:
        """Return the messages of a row, in order, the last of which carries it.

        Raises:
            BadRecord: it is not what was written.
        """

    def gap(self, hole: Gap) -> Outgoing:
        """Return the message of a hole that the gateway made."""

    def stamp(self, message: Outgoing) -> Outgoing:
        """Return `message` as it is written, now."""

    def farewell(self) -> Outgoing:
        """Return the last message of a conversation that ends in order."""
