"""DNP3 as a master and an outstation speak it: events, unsolicited ones, integrity polls, time, and a restart."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from struct import pack
from typing import Final

from dnp3.core.enums import LinkFunctionCode as Code
from dnp3.datalink.builder import build_primary_frame, build_secondary_frame

from simulator.attacks import dnp3frame as dnp3
from simulator.traffic.plan import MS, NS
from simulator.traffic.session import Say

READ, WRITE, SELECT, OPERATE, FREEZE, DELAY, ENABLE, DISABLE = 1, 2, 3, 4, 7, 23, 20, 21
CONFIRM: Final = b"\x00"
RESTARTED, NEED_TIME = 0x80, 0x10
TRIP_NS: Final = 30 * MS
HOUR_NS: Final = 3600 * NS
POLL_S: Final = 10.0
UNASKED: Final = 0.03
"""How many of the polls have an unsolicited response before them."""
EVENTS: Final = 0.2
"""How many of the polls find events."""
TEST_EVERY: Final = 50
"""So many polls lie between two tests of the link."""


@dataclass
class Outstation:
    """An outstation and its master. `restarts_ns` is when it restarted: it then says so until that is cleared."""

    chance: Random
    number: int
    master: int
    commands: Sequence[int] = ()
    restarts_ns: int = -1
    _sequence: int = 0
    _unasked: int = 0
    _segment: dict[bool, int] = field(default_factory=lambda: {True: 0, False: 0})

    def talk(self, from_ns: int, to_ns: int) -> Iterator[Say]:
        """Begin as IEEE 1815 says, then poll."""
        now_ns = from_ns
        restarted = self.restarts_ns >= 0 and from_ns >= self.restarts_ns
        iin = RESTARTED | NEED_TIME if restarted else 0
        if restarted:
            self._unasked, self.restarts_ns = 0, -1
            yield now_ns, False, self._frames(dnp3.unsolicited(iin=iin), client=False)
            yield now_ns + TRIP_NS, True, self._confirms(0, unsolicited=True)
            now_ns += 3 * TRIP_NS
        yield from self._asks(now_ns, DISABLE, dnp3.classes(2, 3, 4), iin=iin)
        yield from self._everything(now_ns + 3 * TRIP_NS, iin)
        if restarted:
            yield from self._asks(now_ns + 9 * TRIP_NS, WRITE, bytes((80, 1, 0, 7, 7, 0)), iin=NEED_TIME)
            yield from self._time(now_ns + 12 * TRIP_NS)
        yield from self._asks(now_ns + 20 * TRIP_NS, ENABLE, dnp3.classes(2, 3, 4))
        yield from self._polls(now_ns + NS, to_ns)

    def _polls(self, now_ns: int, to_ns: int) -> Iterator[Say]:
        hour_ns, count = now_ns + HOUR_NS, 0
        commands = [each for each in self.commands if now_ns < each < to_ns]
        while now_ns < to_ns:
            now_ns += round(POLL_S * self.chance.uniform(0.95, 1.05) * NS)
            count += 1
            if commands and now_ns >= commands[0]:
                yield from self._switches(now_ns, commands.pop(0))
                now_ns += 10 * TRIP_NS
            if now_ns >= hour_ns:
                hour_ns += HOUR_NS
                yield from self._asks(now_ns, FREEZE, bytes((20, 0, 6)))
                yield from self._everything(now_ns + 5 * TRIP_NS, 0)
                yield from self._time(now_ns + 12 * TRIP_NS)
                continue
            if count % TEST_EVERY == 0:
                yield from self._tests(now_ns)
                now_ns += 3 * TRIP_NS
            if self.chance.random() < UNASKED:
                yield from self._tells(now_ns)
                now_ns += 30 * TRIP_NS
            events = self._events() if self.chance.random() < EVENTS else b""
            yield from self._asks(now_ns, READ, dnp3.classes(2, 3, 4), events, confirmed=bool(events))

    def _asks(
        self,
        now_ns: int,
        function: int,
        objects: bytes = b"",
        told: bytes = b"",
        *,
        iin: int = 0,
        confirmed: bool = False,
    ) -> Iterator[Say]:
        sequence, self._sequence = self._sequence, self._sequence + 1 & 0x0F
        yield now_ns, True, self._frames(dnp3.request(function, objects, sequence=sequence), client=True)
        control = dnp3.FIR | dnp3.FIN | (dnp3.CON if confirmed else 0)
        answer = dnp3.response(told, sequence=sequence, iin=iin, control=control)
        yield now_ns + TRIP_NS + self.chance.randrange(TRIP_NS), False, self._frames(answer, client=False)
        if confirmed:
            yield now_ns + 3 * TRIP_NS, True, self._confirms(sequence)

    def _everything(self, now_ns: int, iin: int) -> Iterator[Say]:
        """Ask for all classes; it takes two fragments to tell them."""
        sequence = self._sequence
        self._sequence = sequence + 2 & 0x0F
        asked = dnp3.request(READ, dnp3.classes(2, 3, 4, 1), sequence=sequence)
        yield now_ns, True, self._frames(asked, client=True)
        first = bytes((1, 2, 0, 0, 15)) + bytes((0x01,)) * 16 + bytes((30, 1, 0, 0, 59))
        first += b"".join(pack("<Bi", 1, self.chance.randrange(10_000)) for _ in range(60))
        second = bytes((20, 1, 0, 0, 3)) + b"".join(pack("<BI", 1, self.chance.randrange(1 << 20)) for _ in range(4))
        told = dnp3.response(first, sequence=sequence, iin=iin, control=dnp3.FIR | dnp3.CON)
        yield now_ns + TRIP_NS, False, self._frames(told, client=False)
        yield now_ns + 2 * TRIP_NS, True, self._confirms(sequence)
        told = dnp3.response(second, sequence=sequence + 1, iin=iin, control=dnp3.FIN)
        yield now_ns + 3 * TRIP_NS, False, self._frames(told, client=False)

    def _time(self, now_ns: int) -> Iterator[Say]:
        """Measure the delay, and set the time."""
        yield from self._asks(now_ns, DELAY, told=bytes((52, 2, 7, 1, 5, 0)))
        now_ms = (now_ns // MS).to_bytes(6, "little")
        yield from self._asks(now_ns + 3 * TRIP_NS, WRITE, bytes((50, 1, 7, 1)) + now_ms)

    def _switches(self, now_ns: int, when_ns: int) -> Iterator[Say]:
        block = dnp3.crob(when_ns // NS % 3, dnp3.PULSE_ON | dnp3.CLOSE)
        yield from self._asks(now_ns, SELECT, block, block)
        yield from self._asks(now_ns + 3 * TRIP_NS, OPERATE, block, block)

    def _tells(self, now_ns: int) -> Iterator[Say]:
        """Tell an event unasked; now and then nobody confirms at first, and it is told again."""
        sequence, self._unasked = self._unasked, self._unasked + 1 & 0x0F
        fragment = dnp3.unsolicited(self._events(), sequence=sequence)
        yield now_ns, False, self._frames(fragment, client=False)
        if self.chance.random() < 0.05:
            now_ns += 25 * TRIP_NS
            yield now_ns, False, self._frames(fragment, client=False)
        yield now_ns + TRIP_NS, True, self._confirms(sequence, unsolicited=True)

    def _tests(self, now_ns: int) -> Iterator[Say]:
        asks = build_primary_frame(self.number, self.master, Code.PRI_REQUEST_LINK_STATUS, True)
        tells = build_secondary_frame(self.master, self.number, Code.SEC_LINK_STATUS, False)
        yield now_ns, True, asks.to_bytes()
        yield now_ns + TRIP_NS, False, tells.to_bytes()

    def _confirms(self, sequence: int, *, unsolicited: bool = False) -> bytes:
        control = dnp3.FIR | dnp3.FIN | (dnp3.UNSOLICITED if unsolicited else 0) | sequence & 0x0F
        return self._frames(bytes((control,)) + CONFIRM, client=True)

    def _frames(self, fragment: bytes, *, client: bool) -> bytes:
        to, from_ = (self.number, self.master) if client else (self.master, self.number)
        sequence = self._segment[client]
        self._segment[client] = sequence + -(-len(fragment) // dnp3.SEGMENT) & 0x3F
        return dnp3.frames(fragment, to=to, from_=from_, master=client, sequence=sequence)

    def _events(self) -> bytes:
        point, value = self.chance.randrange(60), self.chance.randrange(10_000)
        return bytes((32, 1, 0x17, 1, point)) + pack("<Bi", 1, value)
