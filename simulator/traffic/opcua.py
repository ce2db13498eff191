"""OPC UA as a client with a subscription speaks it: a channel that is renewed, and notifications that it asks for."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from struct import pack
from typing import Final

from simulator.attacks import opcuaframe as opcua
from simulator.traffic.plan import MS, NS
from simulator.traffic.session import Say

TRIP_NS: Final = 6 * MS
PUBLISH_S: Final = 4.0
RENEWED_NS: Final = 2700 * NS
"""A channel lives for an hour, and is renewed after three quarters of it (OPC 10000-4 clause 5.5.2)."""
SINCE_1601: Final = 116_444_736_000_000_000
"""1970 as OPC UA counts, in 100 ns."""
ANONYMOUS: Final = 321
CREATE, ACTIVATE, SUBSCRIBE, MONITOR, PUBLISH = 461, 467, 787, 751, 826


@dataclass
class Client:
    """Subscribes to some values."""

    chance: Random
    url: str

    def talk(self, from_ns: int, to_ns: int) -> Iterator[Say]:
        """Open, log on, subscribe, and wait for what comes."""
        hello = pack("<IIIII", 0, 65_536, 65_536, 0, 0)
        yield from_ns, True, opcua.chunk(b"HEL", hello + opcua.text(self.url))
        yield from_ns + TRIP_NS, False, opcua.chunk(b"ACK", hello)
        yield from _opens(from_ns + 2 * TRIP_NS)
        now_ns, request = from_ns + 4 * TRIP_NS, 2
        for number, body in (
            (CREATE, opcua.text(self.url)),
            (ACTIVATE, opcua.token(ANONYMOUS, opcua.text("anonymous"))),
            (SUBSCRIBE, pack("<dIII?B", 1000.0, 60, 20, 0, True, 0)),
            (MONITOR, pack("<III", 1, 0, 1) + b"\x01\x02" + pack("<H", 70)),
        ):
            yield now_ns, True, opcua.asks(number, body, request)
            yield now_ns + TRIP_NS, False, opcua.answers(number + 3, request=request)
            now_ns, request = now_ns + 2 * TRIP_NS, request + 1
        renewed_ns = now_ns + RENEWED_NS
        while now_ns < to_ns:
            yield now_ns, True, opcua.asks(PUBLISH, pack("<I", 0), request)
            now_ns += round(PUBLISH_S * self.chance.uniform(0.9, 1.1) * NS)
            yield now_ns, False, opcua.answers(PUBLISH + 3, body=_notified(request, now_ns), request=request)
            now_ns, request = now_ns + MS, request + 1
            if now_ns >= renewed_ns:
                yield from _opens(now_ns)
                now_ns, renewed_ns = now_ns + 2 * TRIP_NS, now_ns + RENEWED_NS


def _notified(number: int, now_ns: int) -> bytes:
    """Return subscription, no numbers to repeat, no more, a message without notifications, no results."""
    return pack("<IiBIqiii", 1, -1, 0, number, SINCE_1601 + now_ns // 100, -1, -1, -1)


def _opens(now_ns: int) -> Iterator[Say]:
    body = pack("<I", 0) + opcua.text(opcua.NONE) + opcua.text(b"") + opcua.text(b"") + pack("<II", 1, 1)
    answer = b"\x01\x00" + pack("<H", 449) + bytes(8) + pack("<II", 1, 0) + b"\x00" + pack("<I", 0) + bytes(3)
    channel = pack("<IIIqI", 0, 1, 1, SINCE_1601 + now_ns // 100, 3_600_000) + opcua.text(b"")
    yield now_ns, True, opcua.opens()
    yield now_ns + TRIP_NS, False, opcua.chunk(b"OPN", body + answer + channel)
