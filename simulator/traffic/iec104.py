"""IEC 60870-5-104 as a remote terminal unit and a control centre speak it for days."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from struct import pack
from typing import Final

from simulator.attacks import iec104frame as iec104
from simulator.traffic.plan import MS, NS
from simulator.traffic.session import Say

STATION: Final = 7
WINDOW: Final = 8
"""So many frames are received until that is acknowledged (w of clause 5.5)."""
IDLE_NS: Final = 20 * NS
"""After so long without a word the link is tested (t3)."""
TESTED: Final = 0x83
REPORT_S: Final = 2.0
HOUR_NS: Final = 3600 * NS
MEASURED, SINGLE, COMMAND, INTERROGATION, COUNTERS, CLOCK = 36, 30, 45, 100, 101, 103
INTERROGATED: Final = 20
SELECT: Final = 0x80
TRIP_NS: Final = 20 * MS


@dataclass
class Station:
    """Reports to a master, answers its interrogations, and does what it commands at `commands`."""

    chance: Random
    commands: Sequence[int]
    standby: bool = False

    def talk(self, from_ns: int, to_ns: int) -> Iterator[Say]:
        """Start, ask for everything, then report; a link in standby is only tested."""
        if self.standby:
            for time_ns in range(from_ns + IDLE_NS, to_ns, IDLE_NS):
                yield time_ns, True, iec104.unnumbered(iec104.TESTFR)
                yield time_ns + TRIP_NS, False, iec104.unnumbered(TESTED)
            return
        link = Link(self.chance)
        yield from_ns, True, iec104.unnumbered(iec104.STARTDT)
        yield from_ns + TRIP_NS, False, iec104.unnumbered(iec104.STARTED)
        yield from link.asks(from_ns + 2 * TRIP_NS, CLOCK, _clock(from_ns), ())
        yield from link.asks(from_ns + 5 * TRIP_NS, INTERROGATION, b"\x14", _everything(self.chance))
        now_ns, hour_ns = from_ns + NS, from_ns + HOUR_NS
        commands = [each for each in self.commands if from_ns < each < to_ns]
        while now_ns < to_ns:
            now_ns += round(self.chance.expovariate(1 / REPORT_S) * NS) + 3 * TRIP_NS
            if commands and now_ns >= commands[0]:
                yield from link.switches(now_ns, commands.pop(0))
            elif now_ns >= hour_ns:
                hour_ns += HOUR_NS
                yield from link.asks(now_ns, CLOCK, _clock(now_ns), ())
                yield from link.asks(now_ns + 4 * TRIP_NS, COUNTERS, b"\x05", _counters(self.chance))
                yield from link.asks(now_ns + 9 * TRIP_NS, INTERROGATION, b"\x14", _everything(self.chance))
            else:
                yield from link.reports(now_ns, _spontaneous(self.chance, now_ns))
                continue
            now_ns += 20 * TRIP_NS


class Link:
    """The numbers of both sides."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self._sent = {True: 0, False: 0}
        self._open = 0

    def reports(self, now_ns: int, asdu: bytes) -> Iterator[Say]:
        """Tell the master something; it acknowledges now and then."""
        yield now_ns, False, self._numbered(asdu, client=False)
        self._open += 1
        if self._open >= WINDOW:
            self._open = 0
            yield now_ns + TRIP_NS, True, iec104.supervisory(self._sent[False])

    def asks(self, now_ns: int, kind: int, elements: bytes, told: Sequence[bytes]) -> Iterator[Say]:
        """Ask for something, which is confirmed, told and terminated."""
        causes = [iec104.CONFIRM] if kind == CLOCK else [iec104.CONFIRM, iec104.TERMINATE]
        own = [iec104.asdu(kind, (0, elements), cause=cause, station=STATION) for cause in causes]
        yield now_ns, True, self._numbered(iec104.asdu(kind, (0, elements), station=STATION), client=True)
        for number, each in enumerate((own[0], *told, *own[1:])):
            yield now_ns + TRIP_NS + number * MS, False, self._numbered(each, client=False)
        yield now_ns + 2 * TRIP_NS, True, iec104.supervisory(self._sent[False])
        self._open = 0

    def switches(self, now_ns: int, when_ns: int) -> Iterator[Say]:
        """Select a switch, operate it, and tell what has become of it."""
        point, state = 1 + when_ns // NS % 4, when_ns // NS // 4 % 2
        for step, qualifier in enumerate((SELECT | state, state)):
            at_ns = now_ns + step * 5 * TRIP_NS
            causes = [iec104.CONFIRM, iec104.TERMINATE] if step else [iec104.CONFIRM]
            asked = iec104.asdu(COMMAND, (point, bytes((qualifier,))), station=STATION)
            yield at_ns, True, self._numbered(asked, client=True)
            for number, cause in enumerate(causes):
                told = iec104.asdu(COMMAND, (point, bytes((qualifier,))), cause=cause, station=STATION)
                yield at_ns + TRIP_NS + number * MS, False, self._numbered(told, client=False)
        changed = iec104.asdu(
            SINGLE, (point, bytes((state,)) + _clock(now_ns)), cause=iec104.SPONTANEOUS, station=STATION
        )
        yield from self.reports(now_ns + 8 * TRIP_NS, changed)

    def _numbered(self, asdu: bytes, *, client: bool) -> bytes:
        frame = iec104.numbered(asdu, sent=self._sent[client], received=self._sent[not client])
        self._sent[client] = (self._sent[client] + 1) & 0x7FFF
        return frame


def _spontaneous(chance: Random, now_ns: int) -> bytes:
    value = pack("<fB", chance.gauss(100, 5), 0) + _clock(now_ns)
    return iec104.asdu(MEASURED, (300 + chance.randrange(40), value), cause=iec104.SPONTANEOUS, station=STATION)


def _everything(chance: Random) -> Sequence[bytes]:
    states = [(1 + number, bytes((chance.randrange(2),))) for number in range(8)]
    values = [(300 + number, pack("<fB", chance.gauss(100, 5), 0)) for number in range(20)]
    return [
        iec104.asdu(1, *states, cause=INTERROGATED, station=STATION),
        iec104.asdu(13, *values, cause=INTERROGATED, station=STATION),
    ]


def _counters(chance: Random) -> Sequence[bytes]:
    values = [(500 + number, pack("<IB", chance.randrange(1 << 20), 0)) for number in range(4)]
    return [iec104.asdu(15, *values, cause=37, station=STATION)]


def _clock(now_ns: int) -> bytes:
    """Return a CP56Time2a of the right length, with the time of day."""
    seconds = now_ns // NS
    return pack("<HBBBBB", now_ns // MS % 60_000, seconds // 60 % 60, seconds // 3600 % 24, 2, 3, 26)
