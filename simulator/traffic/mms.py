"""MMS as a client of an IED speaks it: reports that come by themselves, and an HMI that browses in the morning."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from open61850 import ber
from open61850.data import BoolData, FloatData, IECData, IntData, VisibleStringData
from open61850.mms import pdu
from open61850.mms.association import AssociationParameters, association_request
from open61850.server import protocol

from protocols.iec61850.transport import Stream, connection_request
from simulator.traffic.plan import MS, NS
from simulator.traffic.session import Say

SELECTOR: Final = b"\x00\x01"
TRIP_NS: Final = 8 * MS
DATA: Final = b"\x02\xf0\x80"
REPORT_S: Final = 6.0
INTEGRITY_EACH: Final = 20
"""So many reports, then one with everything."""
NODES: Final = ("LLN0", "LPHD1", "CSWI1", "XCBR1", "MMXU1", "PTOC1")
READ, WRITE, NAMES, ATTRIBUTES = 4, 5, 1, 6
CONTROL_BLOCK: Final = "LLN0$RP$urcb01"
STOPPED_S: Final = 30.0
"""How often a client that takes no reports reads."""


@dataclass
class Client:
    """Takes reports, or reads; `browses` first, as an HMI does whose operator opens its pictures."""

    chance: Random
    domain: str
    browses: bool = False
    commands: Sequence[int] = ()
    _invoke: int = 0

    def talk(self, from_ns: int, to_ns: int) -> Iterator[Say]:
        """Associate, then do what it does."""
        stream = Stream()
        yield from_ns, True, connection_request(SELECTOR, SELECTOR)
        yield from_ns + TRIP_NS, False, _agrees(connection_request(SELECTOR, SELECTOR))
        yield from_ns + 2 * TRIP_NS, True, stream.frames(association_request(AssociationParameters()))
        yield from_ns + 3 * TRIP_NS, False, _accepts()
        now_ns = from_ns + 4 * TRIP_NS
        if self.browses:
            for service, kind, told in self._browsing():
                yield from self._asks(now_ns, service, kind, told)
                now_ns += 2 * TRIP_NS + self.chance.randrange(2 * NS)
            yield from self._reads(now_ns, to_ns)
        else:
            for number, name in enumerate(("Resv", "RptEna", "GI")):
                item = pdu.ObjectName(f"{CONTROL_BLOCK}${name}", self.domain)
                service = pdu.write_request([item], [BoolData(True)])
                yield from self._asks(now_ns + number * 3 * TRIP_NS, service, WRITE, protocol.write_response([None]))
            yield from self._reports(now_ns + 12 * TRIP_NS, to_ns)

    def _reports(self, now_ns: int, to_ns: int) -> Iterator[Say]:
        number = 0
        commands = [each for each in self.commands if now_ns < each < to_ns]
        while now_ns < to_ns:
            entries = 24 if number % INTEGRITY_EACH == 0 else self.chance.randrange(1, 4)
            values = [FloatData(self.chance.gauss(100, 2)) for _ in range(entries)]
            head: list[IECData | int] = [VisibleStringData("urcb01"), IntData(number), *values]
            report = protocol.information_report(head, list_name="RPT")
            yield now_ns, False, _packet(pdu.wrap(report))
            number += 1
            if commands and now_ns > commands[0]:
                commands.pop(0)
                yield from self._switches(now_ns + NS)
                now_ns += 2 * NS
            now_ns += round(self.chance.uniform(0.5, 1.5) * REPORT_S * NS)

    def _switches(self, now_ns: int) -> Iterator[Say]:
        item = pdu.ObjectName("CSWI1$CO$Pos$SBO", self.domain)
        yield from self._asks(now_ns, pdu.read_request([item]), READ, _values(VisibleStringData("CSWI1$Pos")))
        item = pdu.ObjectName("CSWI1$CO$Pos$Oper$ctlVal", self.domain)
        service = pdu.write_request([item], [BoolData(True)])
        yield from self._asks(now_ns + 5 * TRIP_NS, service, WRITE, protocol.write_response([None]))

    def _reads(self, now_ns: int, to_ns: int) -> Iterator[Say]:
        item = pdu.ObjectName("MMXU1$MX$TotW$mag$f", self.domain)
        while now_ns < to_ns:
            told = _values(FloatData(self.chance.gauss(100, 2)))
            yield from self._asks(now_ns, pdu.read_request([item]), READ, told)
            now_ns += round(self.chance.uniform(0.9, 1.1) * STOPPED_S * NS)

    def _browsing(self) -> Iterator[tuple[bytes, int, bytes]]:
        names = protocol.get_name_list_response([self.domain], False)
        yield pdu.get_name_list_request(pdu.OBJECT_CLASS_DOMAIN), NAMES, names
        for kind in (pdu.OBJECT_CLASS_NAMED_VARIABLE, pdu.OBJECT_CLASS_NAMED_VARIABLE_LIST):
            listed = protocol.get_name_list_response([f"{node}$ST$Mod" for node in NODES], False)
            yield pdu.get_name_list_request(kind, self.domain), NAMES, listed
        for node in NODES:
            item = pdu.ObjectName(f"{node}$ST", self.domain)
            yield pdu.read_request([item]), READ, _values(IntData(1))

    def _asks(self, now_ns: int, service: bytes, number: int, told: bytes) -> Iterator[Say]:
        self._invoke = (self._invoke + 1) & 0x7FFF
        yield now_ns, True, _packet(pdu.wrap(pdu.confirmed_request(self._invoke, service)))
        answer = protocol.confirmed_response(self._invoke, number, told)
        yield now_ns + TRIP_NS, False, _packet(pdu.wrap(answer))


def _packet(message: bytes) -> bytes:
    return b"\x03\x00" + (len(message) + 7).to_bytes(2, "big") + DATA + message


def _agrees(request: bytes) -> bytes:
    return request[:5] + b"\xd0\x00\x01\x00\x01" + request[10:]


def _accepts() -> bytes:
    """Return an acceptance; who listens needs not more of it than that it is one."""
    return _packet(b"\x0e\x06\x05\x04\x13\x01\x00\x16" + ber.encode_tlv(0xA9, ber.encode_tlv(0x80, b"\x00\xff\xff")))


def _values(*values: FloatData | IntData | VisibleStringData) -> bytes:
    return protocol.read_response([*values])
