"""Messages as they go to the broker and come from it, whatever their format."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message on its way out. With `qos` 1 the broker acknowledges it, with 0 a later answer of it is the proof."""

    topic: str
    payload: bytes
    retain: bool = False
    qos: int = 1


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message from the broker; `retain` when it lay there before we listened."""

    topic: str
    payload: bytes
    retain: bool = False
