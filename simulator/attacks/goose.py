"""Attacks on GOOSE: somebody on the wire speaks in the name of a publisher whose last frame is known.

An attack yields frames, which are sent `pause_s` apart: at most `FRAMES_MAX`, and not for longer than `LONGEST_S`.
"""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import ClassVar, Final

from simulator.attacks.attack import LONGEST_S, Attack, Field
from simulator.attacks.gooseframe import GooseFrame, Value

FRAMES_MAX: Final = 5000
"""Frames of one attack: a flood of some seconds."""
STRANGER: Final = bytes.fromhex("02bad0000066")


class GooseAttack(Attack):
    """Speaks in the name of a publisher: `count` frames, `pause_s` apart."""

    COUNT: ClassVar[int] = 20
    PAUSE_S: ClassVar[float] = 0.1

    def __init__(self, *, count: int | None = None, pause_s: float | None = None) -> None:
        self.count = self.COUNT if count is None else count
        self.pause_s = self.PAUSE_S if pause_s is None else pause_s

    def frames(self, victim: GooseFrame, now_ns: int) -> Iterator[GooseFrame]:
        """Yield what is sent after `victim`, the last frame of the publisher; `now_ns` is the time of a new state."""
        raise NotImplementedError

    def bounded(self, victim: GooseFrame, now_ns: int) -> Iterator[GooseFrame]:
        """Yield what is sent, bounded in number and time."""
        most = FRAMES_MAX if self.pause_s <= 0 else min(FRAMES_MAX, int(LONGEST_S / self.pause_s))
        return islice(self.frames(victim, now_ns), min(self.count, most))

    def target(self, on: Field) -> str:
        """Return the publisher, by its hardware address."""
        return on.victim().source.hex(":")

    async def run(self, on: Field) -> None:
        """Send all of it."""
        for frame in self.bounded(on.victim(), on.clock()):
            on.on_wire.send(frame.frame())
            await asyncio.sleep(self.pause_s)


class GooseReplay(GooseAttack):
    """What the publisher said in the state before is said again."""

    NAME = "goose_replay"
    CHECKS = ("goose_state",)

    def frames(self, victim: GooseFrame, now_ns: int) -> Iterator[GooseFrame]:  # noqa: ARG002 - the interface
        """Yield the state before the present one, from its first frame on."""
        old = replace(victim, st=max(victim.st - 1, 1), values=_inverted(victim.values))
        return _states(old, self.count)


class GooseStJump(GooseAttack):
    """A state far ahead, with all booleans inverted, so that subscribers take no frame of the publisher any more."""

    NAME = "goose_st_jump"
    CHECKS = ("goose_state",)
    WHOM = 1

    def frames(self, victim: GooseFrame, now_ns: int) -> Iterator[GooseFrame]:
        """Yield a state a thousand ahead."""
        values = _inverted(victim.values)
        return _states(replace(victim, st=victim.st + 1000, t_ns=now_ns, values=values), self.count)


class GooseNewSource(GooseAttack):
    """The next state comes from another address."""

    NAME = "goose_new_source"
    CHECKS = ("goose_state",)
    WHOM = 2

    def frames(self, victim: GooseFrame, now_ns: int) -> Iterator[GooseFrame]:
        """Yield a new state that follows the present one in everything but the source."""
        values = _inverted(victim.values)
        state = replace(victim, source=STRANGER, st=victim.st + 1, t_ns=now_ns, values=values)
        return _states(state, self.count)


class GooseSimulation(GooseAttack):
    """The publisher's frames with the simulation bit, which subscribers in test mode prefer to its own."""

    NAME = "goose_simulation"
    CHECKS = ("goose_test_flag",)
    WHOM = 3

    def frames(self, victim: GooseFrame, now_ns: int) -> Iterator[GooseFrame]:  # noqa: ARG002 - the interface
        """Yield the present state, simulated."""
        return _states(replace(victim, simulated=True, values=_inverted(victim.values)), self.count)


class GooseFlood(GooseAttack):
    """A new state with every frame, as fast as it goes."""

    NAME = "goose_flood"
    CHECKS = ("goose_state", "flood")
    WHOM = 4
    COUNT = 2000
    PAUSE_S = 0.004

    def frames(self, victim: GooseFrame, now_ns: int) -> Iterator[GooseFrame]:
        """Yield states without end."""
        for ahead in range(2, self.count + 2):
            yield replace(victim, st=victim.st + ahead, sq=0, t_ns=now_ns)


ATTACKS: Final[tuple[type[GooseAttack], ...]] = (GooseReplay, GooseStJump, GooseNewSource, GooseSimulation, GooseFlood)


def _states(first: GooseFrame, count: int) -> Iterator[GooseFrame]:
    """Yield one state, with its frames counted."""
    return (replace(first, sq=sq) for sq in range(count))


def _inverted(values: Sequence[Value]) -> tuple[Value, ...]:
    return tuple(not value if isinstance(value, bool) else value for value in values)
