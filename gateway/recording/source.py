"""What a recording is: readings and events in the order of their time, read as they are asked for, never all at once.

A source gives `Batch` and `Event`; `seen` puts the ticks between them that the daemon would have had, so that a replay
goes through the same pipeline by the same path.
"""

from collections.abc import Iterable, Iterator
from typing import Protocol, TypeAlias

from gateway.core.messages import Alarm
from protocols.model import Batch, Event, Fed, Tick

Told: TypeAlias = Batch | Event

TICK_NS = 250_000_000
"""Ticks are no closer than the daemon's; where readings are further apart, there is one tick after each of them."""
NOTES_MAX = 20
"""Most remarks about one recording; a file with a thousand strange columns repeats itself."""


class BadRecording(Exception):
    """The operator named a file that is no recording, or one that is damaged: says file, line and what is allowed."""


class Source(Protocol):
    """A recording of the configured points. It is read once."""

    notes: list[str]
    """What was left out, for people."""

    @property
    def share(self) -> float:
        """How much of it has been read, 0 to 1."""

    def told(self) -> Iterator[Told]:
        """Yield what it has, in the order of time.

        Raises:
            BadRecording: it cannot be read on.
        """

    def alarms(self) -> Iterator[Alarm] | None:
        """Yield the alarm messages that it carries, oldest first; None where such a recording has none."""

    def close(self) -> None:
        """Let go of it."""


def seen(told: Iterable[Told]) -> Iterator[Fed]:
    """Yield `told` with its ticks: after the last item of each moment, at most one in `TICK_NS`."""
    ticked_ns, last_ns = None, 0
    for item in told:
        now_ns = max(instant(item), last_ns)  # what is told of a moment ago does not turn time back
        if last_ns and now_ns > last_ns and (ticked_ns is None or now_ns - ticked_ns >= TICK_NS):
            yield Tick(last_ns)
            ticked_ns = last_ns
        yield item
        last_ns = now_ns
    if last_ns and ticked_ns != last_ns:
        yield Tick(last_ns)


def between(told: Iterable[Told], from_ns: int | None, to_ns: int | None) -> Iterator[Told]:
    """Yield what was told from `from_ns` on and before `to_ns`, both UTC; None is without a bound."""
    for item in told:
        now_ns = instant(item)
        if to_ns is not None and now_ns >= to_ns:
            return
        if from_ns is None or now_ns >= from_ns:
            yield item


def instant(item: Told) -> int:
    """Return when the gateway had it, UTC nanoseconds."""
    return item.arrival_ns if isinstance(item, Batch) else item.time_ns


def remark(notes: list[str], text: str) -> None:
    """Keep a remark, within the bound."""
    if len(notes) < NOTES_MAX:
        notes.append(text)
