"""The day of a substation: when who works, what fails and what is switched over. All that is random comes from here."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from random import Random
from typing import Final, TypeAlias

NS: Final = 1_000_000_000
MS: Final = 1_000_000
H: Final = 3600
MIDNIGHT_NS: Final = 1_772_409_600 * NS
"""2026-03-02, a Monday, UTC."""
CATCH_UP_S: Final = 0.8
"""How long an HMI takes for what it missed."""

Timed: TypeAlias = tuple[int, bytes]
"""A frame, and when it is on the wire, UTC nanoseconds."""


@dataclass(frozen=True, slots=True)
class Span:
    """From when to when, UTC nanoseconds."""

    from_ns: int
    to_ns: int

    def __contains__(self, time_ns: int) -> bool:
        return self.from_ns <= time_ns < self.to_ns


@dataclass(frozen=True)
class Plan:
    """`quiet_s` in which nothing in particular happens, then a day of `day_s` with its events, squeezed into it."""

    quiet_s: float = 6 * H
    day_s: float = 24 * H
    seed: int = 1
    begin_ns: int = MIDNIGHT_NS

    def chance(self, name: str) -> Random:
        """Return a source of random numbers of one's own: what one does changes nothing for the others."""
        return Random(f"{self.seed} {name}")  # noqa: S311 - a plant, not a key

    def at(self, share: float) -> int:
        """Return a moment of the day, 0 to 1."""
        return self.begin_ns + round((self.quiet_s + share * self.day_s) * NS)

    def span(self, share: float, lasts_s: float) -> Span:
        """Return a stretch that begins at a moment of the day."""
        return Span(self.at(share), self.at(share) + round(lasts_s * NS))

    @property
    def end_ns(self) -> int:
        """When it is over."""
        return self.at(1)

    @cached_property
    def whole(self) -> tuple[Span, ...]:
        """All of it."""
        return (Span(self.begin_ns, self.end_ns),)

    @cached_property
    def first_master(self) -> tuple[Span, ...]:
        """When the first of the two masters polls; the second does while it does not."""
        return Span(self.begin_ns, self.at(0.15)), Span(self.at(0.6), self.end_ns)

    @cached_property
    def second_master(self) -> tuple[Span, ...]:
        """When the second master polls."""
        return (Span(self.at(0.15) + 2 * NS, self.at(0.6) - 2 * NS),)

    @cached_property
    def morning(self) -> tuple[Span, ...]:
        """When somebody sits down at the HMI, and browses."""
        return (Span(self.at(0.3), self.at(0.36)),)

    @cached_property
    def maintenance(self) -> Span:
        """When the engineer's laptop is plugged in."""
        return Span(self.at(0.4), self.at(0.5))

    @cached_property
    def restart(self) -> Span:
        """When the regulator restarts; nobody answers there meanwhile."""
        return self.span(0.52, 40)

    @cached_property
    def routers(self) -> int:
        """When the second router takes over."""
        return self.at(0.65)

    @cached_property
    def reboot(self) -> Span:
        """When the switch restarts: nothing is forwarded, nor mirrored."""
        return self.span(0.72, 75)

    @cached_property
    def catch_up(self) -> Span:
        """When the HMI fetches what it missed, as fast as it gets it."""
        return self.span(0.8, CATCH_UP_S)

    @cached_property
    def commands(self) -> tuple[int, ...]:
        """When an operator switches."""
        return tuple(map(self.at, (0.05, 0.21, 0.47, 0.62, 0.9)))


def every(chance: Random, span: Span, each_s: float, jitter: float = 0.05) -> Iterator[int]:
    """Yield moments in `span`, `each_s` apart, give or take a share of it."""
    time_ns = span.from_ns + round(chance.random() * each_s * NS)
    while time_ns < span.to_ns:
        yield time_ns
        time_ns += round(each_s * (1 + jitter * (2 * chance.random() - 1)) * NS)
