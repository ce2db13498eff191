"""Attacks on GOOSE: somebody on the wire speaks in the name of a publisher whose last frame is known.

An attack yields how long it waits and what it then sends; `play` sends it with what puts a frame on a wire, such as
`send` of a raw socket. None sends more than `FRAMES_MAX`, and none lasts longer than `LONGEST_S`.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import ClassVar, Final

from simulator.attacks.gooseframe import GooseFrame, Value

FRAMES_MAX: Final = 5000
"""Frames of one attack: a flood of five seconds."""
LONGEST_S: Final = 30.0
STRANGER: Final = bytes.fromhex("02bad0000066")

Step = tuple[float, bytes]


@dataclass(frozen=True)
class GooseAttack:
    """`victim` is the last frame of the publisher; `now_ns` the time that a new state is said to have."""

    NAME: ClassVar[str]
    CHECKS: ClassVar[tuple[str, ...]]

    victim: GooseFrame
    now_ns: int
    count: int = 20
    pause_s: float = 0.1

    def frames(self) -> Iterator[GooseFrame]:
        """Yield what is sent."""
        raise NotImplementedError

    def steps(self) -> Iterator[Step]:
        """Yield pauses and frames, bounded in number and time."""
        most = FRAMES_MAX if self.pause_s <= 0 else min(FRAMES_MAX, int(LONGEST_S / self.pause_s))
        for frame in islice(self.frames(), min(self.count, most)):
            yield self.pause_s, frame.frame()

    async def play(self, send: Callable[[bytes], object]) -> int:
        """Send all of it; return how many frames those were."""
        sent = 0
        for pause_s, frame in self.steps():
            await asyncio.sleep(pause_s)
            send(frame)
            sent += 1
        return sent


class GooseReplay(GooseAttack):
    """What the publisher said in the state before is said again."""

    NAME = "goose_replay"
    CHECKS = ("goose_state",)

    def frames(self) -> Iterator[GooseFrame]:
        """Yield the state before the present one, from its first frame on."""
        old = replace(self.victim, st=max(self.victim.st - 1, 1), values=_inverted(self.victim.values))
        return _states(old, self.count)


class GooseStJump(GooseAttack):
    """A state far ahead, with all booleans inverted, so that subscribers take no frame of the publisher any more."""

    NAME = "goose_st_jump"
    CHECKS = ("goose_state",)

    def frames(self) -> Iterator[GooseFrame]:
        """Yield a state a thousand ahead."""
        values = _inverted(self.victim.values)
        return _states(replace(self.victim, st=self.victim.st + 1000, t_ns=self.now_ns, values=values), self.count)


class GooseNewSource(GooseAttack):
    """The next state comes from another address."""

    NAME = "goose_new_source"
    CHECKS = ("goose_state",)

    def frames(self) -> Iterator[GooseFrame]:
        """Yield a new state that follows the present one in everything but the source."""
        values = _inverted(self.victim.values)
        state = replace(self.victim, source=STRANGER, st=self.victim.st + 1, t_ns=self.now_ns, values=values)
        return _states(state, self.count)


class GooseSimulation(GooseAttack):
    """The publisher's frames with the simulation bit, which subscribers in test mode prefer to its own."""

    NAME = "goose_simulation"
    CHECKS = ("goose_test_flag",)

    def frames(self) -> Iterator[GooseFrame]:
        """Yield the present state, simulated."""
        return _states(replace(self.victim, simulated=True, values=_inverted(self.victim.values)), self.count)


class GooseFlood(GooseAttack):
    """A new state with every frame, as fast as it goes."""

    NAME = "goose_flood"
    CHECKS = ("goose_state", "flood")

    def frames(self) -> Iterator[GooseFrame]:
        """Yield states without end."""
        for ahead in range(2, self.count + 2):
            yield replace(self.victim, st=self.victim.st + ahead, sq=0, t_ns=self.now_ns)


ATTACKS: Final = (GooseReplay, GooseStJump, GooseNewSource, GooseSimulation, GooseFlood)


def _states(first: GooseFrame, count: int) -> Iterator[GooseFrame]:
    """Yield one state, with its frames counted."""
    return (replace(first, sq=sq) for sq in range(count))


def _inverted(values: Sequence[Value]) -> tuple[Value, ...]:
    return tuple(not value if isinstance(value, bool) else value for value in values)
