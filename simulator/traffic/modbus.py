"""Modbus as masters poll it: scan classes of their own rhythm, slow answers, none at all, and refusals now and then."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from heapq import heapify, heapreplace
from random import Random
from struct import pack
from typing import Final

from simulator.traffic.plan import MS, NS, Span
from simulator.traffic.session import Say

TIMEOUT_NS: Final = 2 * NS
SLOW, UNANSWERED, REFUSED = 0.004, 0.001, 0.0008
"""How many answers come late, not at all, or refuse because the device is busy."""
FOLLOWS_NS: Final = 5 * MS
"""A client asks no sooner after an answer."""
READ, WRITE = 3, 16
BUSY, NO_TARGET = 6, 11
"""Exception codes: the device is busy, the device behind a gateway does not answer."""


@dataclass(frozen=True, slots=True)
class Poll:
    """One scan class: `count` registers from `first` of a unit, each so many seconds."""

    each_s: float
    first: int
    count: int
    function: int = READ
    unit: int = 1


@dataclass(frozen=True)
class Client:
    """Polls what it polls.

    `behind` is whether the units are behind a serial line, which is slow; `writes` when a set point is written; `burst`
    when history is read as fast as it comes.
    """

    chance: Random
    polls: Sequence[Poll]
    behind: bool = False
    writes: Sequence[int] = ()
    burst: Span | None = None

    def talk(self, from_ns: int, to_ns: int) -> Iterator[Say]:
        """Ask and answer, one thing after the other."""
        chance, number = self.chance, self.chance.randrange(1 << 16)
        due = [(from_ns + round(chance.random() * poll.each_s * NS), at) for at, poll in enumerate(self.polls)]
        heapify(due)
        now_ns, writes = from_ns, [each for each in self.writes if from_ns < each < to_ns]
        while due[0][0] < to_ns:
            due_ns, at = due[0]
            if writes and writes[0] <= due_ns:
                asks, tells, unit = _write(chance), _written, 1
                now_ns = max(now_ns + FOLLOWS_NS, writes.pop(0))
            elif self.burst and now_ns in self.burst:
                poll = self.polls[at]
                asks, tells, unit, now_ns = _read(poll), None, poll.unit, now_ns + FOLLOWS_NS
            else:
                poll = self.polls[at]
                asks, tells, unit, now_ns = _read(poll), None, poll.unit, max(now_ns + FOLLOWS_NS, due_ns)
                heapreplace(due, (max(due_ns + round(poll.each_s * NS), now_ns), at))
            number = (number + 1) & 0xFFFF
            yield now_ns, True, _framed(number, unit, asks)
            answer = tells(asks) if tells else bytes((asks[0], size := _size(asks))) + chance.randbytes(size)
            trip_ns, answer = self._fate(chance, asks, answer)
            if answer:
                yield now_ns + trip_ns, False, _framed(number, unit, answer)
            now_ns += trip_ns

    def _fate(self, chance: Random, asks: bytes, answer: bytes) -> tuple[int, bytes]:
        usual_ms = chance.uniform(40, 90) if self.behind else chance.gammavariate(4, 2)
        fate = chance.random()
        if fate < UNANSWERED:
            return (TIMEOUT_NS, bytes((asks[0] | 0x80, NO_TARGET))) if self.behind else (TIMEOUT_NS, b"")
        if fate < UNANSWERED + REFUSED:
            return round(usual_ms * MS), bytes((asks[0] | 0x80, BUSY))
        return round((usual_ms * (12 if fate > 1 - SLOW else 1) + 1) * MS), answer


def _read(poll: Poll) -> bytes:
    return pack(">BHH", poll.function, poll.first, poll.count)


def _write(chance: Random) -> bytes:
    return pack(">BHHBH", WRITE, 400, 1, 2, chance.randrange(900, 1100))


def _written(asks: bytes) -> bytes:
    return asks[:5]


def _size(asks: bytes) -> int:
    count = int.from_bytes(asks[3:5], "big")
    return 2 * count if asks[0] > 2 else (count + 7) // 8


def _framed(number: int, unit: int, message: bytes) -> bytes:
    return pack(">HHHB", number, 0, len(message) + 1, unit) + message
