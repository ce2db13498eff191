"""The interface of every dissector: bytes of one flow in, sightings out; pure, length-guarded, never switched off.

A dissector must not raise on any bytes. What it cannot read it notes as `malformed` and finds the next message by
itself: one broken frame costs at most the one after it. What it keeps between two calls has a named bound.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from protocols.tap.sightings import Sightings

Trace: TypeAlias = Callable[[str, str, bool], None]
"""Called with each message that was decoded: protocol, its function or type as a text, whether the client sent it."""


@dataclass(slots=True, eq=False)
class Flow:
    """Two parties that talk: the addresses as texts, the server's port, and who began.

    `sure` is whether the opening of the connection was seen, so that client and server are known and not guessed.
    `datagrams` is whether each call of `data` brings a whole datagram (UDP) and not the next bytes of a stream.
    `notes` takes what is notable; `trace`, where somebody compares with another decoder, every message.
    """

    client: str
    server: str
    port: int
    notes: Sightings
    sure: bool = False
    datagrams: bool = False
    trace: Trace | None = None

    def ends(self, *, from_client: bool) -> tuple[str, str]:
        """Return who sent and who received."""
        return (self.client, self.server) if from_client else (self.server, self.client)


class Conversation(Protocol):
    """One TCP connection, or one UDP pair, of a protocol: made with its `Flow`, looks at both directions."""

    def data(self, *, from_client: bool, data: memoryview, time_ns: int) -> None:
        """Look at what one side sent: the next bytes of its stream, cut anywhere; `data` is gone afterwards."""

    def lost(self, *, from_client: bool) -> None:
        """Bytes of that side were not captured: what it says next begins anywhere."""


class Layer2(Protocol):
    """A protocol right above Ethernet."""

    @property
    def forgotten(self) -> int:
        """Parties that made room for others, since the start."""

    def frame(self, *, source: bytes, target: bytes, payload: memoryview, time_ns: int) -> None:
        """Look at one frame: its MAC addresses, and what follows the EtherType."""

    def tick(self, time_ns: int) -> None:
        """Let time pass, also without frames: once a second."""


Dissector: TypeAlias = Callable[[Flow], Conversation]
"""Makes the conversation of a flow."""
