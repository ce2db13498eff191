"""A client that keeps a TCP connection to a server: what the two say becomes frames, with all that happens to frames.

Some are lost and sent again, some come twice, what is received is acknowledged late or along with the answer. When the
switch restarts the connection is gone, and opened anew with another port; while the server restarts nobody answers.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final, TypeAlias

from simulator.traffic import lan
from simulator.traffic.plan import MS, NS, Plan, Span, Timed
from simulator.wire import ACK, FIN, PSH, RST, SYN, Connection

Say: TypeAlias = tuple[int, bool, bytes]
"""When somebody says something, whether it is the client, and what."""
Talk: TypeAlias = Callable[[int, int], Iterator[Say]]
"""What is said on a connection that was opened at a time and ends by another, in order."""

ACK_LATE_NS: Final = 40 * MS
"""A stack waits so long for something to say before it acknowledges by itself."""
AGAIN_NS: Final = 210 * MS
"""The first retransmission."""
SYN_AGAIN_S: Final = (0, 1, 3, 7, 15, 31)
"""When an opening that nobody answers is sent again (RFC 6298)."""
LATE, TWICE, UNSEEN = 0.0006, 0.0006, 0.0001
"""How many of the frames are lost at first, come twice as the acknowledgement was lost, or are lost by the mirror."""
BETWEEN_NS: Final = 12_000
"""Between two frames that follow at once."""
ALIVE_NS: Final = 60 * NS
"""A connection on which nothing is said is probed so often."""
SEGMENT: Final = 1400


class Wire:
    """What happens to the frames of a connection, and what is still to come of it."""

    def __init__(self, line: Connection, chance: Random) -> None:
        self._line, self._chance = line, chance
        self._acknowledge: dict[bool, int] = {}
        self._again: list[Timed] = []

    def send(self, now_ns: int, payload: bytes, *, client: bool) -> Generator[Timed, None, int]:
        """Yield the frames of a payload; return when it has arrived."""
        line, fate = self._line, self._chance.random()
        again = line.frame(PSH | ACK, payload, client=client)
        frame = line.said(payload, client=client)
        if fate < LATE:
            now_ns += AGAIN_NS
        elif fate < LATE + TWICE:
            self._again.append((now_ns + AGAIN_NS, again))
        if fate < 1 - UNSEEN:
            yield now_ns, frame
        self._acknowledge[not client] = now_ns + ACK_LATE_NS
        return now_ns + BETWEEN_NS

    def until(self, time_ns: int, *, but: bool | None = None) -> Iterator[Timed]:
        """Yield what comes by itself before a moment, at which `but` speaks, and needs not acknowledge apart."""
        due, self._again = self._again, [each for each in self._again if each[0] >= time_ns]
        due = [each for each in due if each[0] < time_ns]
        for client, at_ns in self._acknowledge.items():
            if at_ns < time_ns:
                due.append((at_ns, self._line.frame(ACK, client=client)))
        left = {client: at_ns for client, at_ns in self._acknowledge.items() if at_ns >= time_ns and client is not but}
        self._acknowledge = left
        yield from sorted(due)


@dataclass(frozen=True)
class Session:
    """`talk` goes on in each of `spans`; `serving` says when the server itself is away."""

    plan: Plan
    name: str
    client: str
    server: str
    port: int
    talk: Talk
    spans: Sequence[Span]
    away: Span | None = None

    def frames(self) -> Iterator[Timed]:
        """Yield all frames, in order."""
        chance = self.plan.chance(self.name)
        breaks = sorted((each for each in (self.plan.reboot, self.away) if each), key=lambda each: each.from_ns)
        for span in self.spans:
            now_ns = span.from_ns + chance.randrange(2 * NS)
            for each in breaks:
                if now_ns < each.from_ns < span.to_ns:
                    yield from self._connected(chance, now_ns, each.from_ns, closed=False)
                    now_ns = yield from self._broken(chance, each)
            yield from self._connected(chance, now_ns, span.to_ns, closed=span.to_ns < self.plan.end_ns)

    def _broken(self, chance: Random, span: Span) -> Generator[Timed, None, int]:
        """Try to open it while nobody answers; return when it may be opened."""
        if span == self.away:
            line = self._line(chance, span.from_ns)
            for wait_s in SYN_AGAIN_S:
                time_ns = span.from_ns + 3 * NS + wait_s * NS
                if time_ns in span:
                    yield time_ns, line.frame(SYN)
        return span.to_ns + NS + chance.randrange(20 * NS)

    def _connected(self, chance: Random, from_ns: int, to_ns: int, *, closed: bool) -> Iterator[Timed]:
        line, trip_ns = self._line(chance, from_ns), chance.randrange(200_000, 3 * MS)
        for number, frame in enumerate(line.opened()):
            yield from_ns + number * trip_ns, frame
        now_ns, wire = from_ns + 3 * trip_ns, Wire(line, chance)
        for time_ns, client, payload in self.talk(now_ns + MS, to_ns):
            if time_ns >= to_ns:
                break
            yield from wire.until(time_ns, but=client)
            while time_ns - now_ns > ALIVE_NS:
                now_ns += ALIVE_NS
                yield now_ns, line.frame(ACK, b"\0", ahead=-1)
                yield now_ns + trip_ns, line.frame(ACK, client=False)
            now_ns = max(time_ns, now_ns + 1)
            self._route(line, now_ns)
            for at in range(0, len(payload), SEGMENT):
                now_ns = yield from wire.send(now_ns, payload[at : at + SEGMENT], client=client)
        yield from wire.until(to_ns)
        if closed:
            yield from self._closed(chance, line, max(to_ns, now_ns + MS))

    def _closed(self, chance: Random, line: Connection, time_ns: int) -> Iterator[Timed]:
        if chance.random() < 0.3:
            yield time_ns, line.frame(RST | ACK)
            return
        yield time_ns, line.frame(FIN | ACK)
        line.numbers[True] += 1
        yield time_ns + MS, line.frame(FIN | ACK, client=False)
        line.numbers[False] += 1
        yield time_ns + 2 * MS, line.frame(ACK)

    def _line(self, chance: Random, now_ns: int) -> Connection:
        numbers = [chance.getrandbits(32), chance.getrandbits(32)]
        line = Connection(
            self.client,
            self.server,
            self.port,
            client_port=chance.randrange(49_152, 65_535),
            number=numbers[0],
            answer_number=numbers[1],
        )
        self._route(line, now_ns)
        return line

    def _route(self, line: Connection, now_ns: int) -> None:
        router = int(now_ns >= self.plan.routers)
        line.macs = {True: lan.sends(self.client, router), False: lan.sends(self.server, router)}
        line.hops = {True: lan.hops(self.client), False: lan.hops(self.server)}
        line.towards = {True: lan.hardware(self.server), False: lan.hardware(self.client)}
