"""ARP: which hardware address answers for an IP address, and who asks for whom.

A claim by another than the one who is known is told each time, until the one who was known is silent for a minute:
then the new one is known. Questions teach too, but only answers and gratuitous claims contradict.
"""

from dataclasses import dataclass
from struct import Struct
from typing import Final

from protocols.model import EventKind
from protocols.tap.dissector import Trace
from protocols.tap.network.addresses import text
from protocols.tap.network.sweeps import Sweeps
from protocols.tap.sightings import NS, Sightings

MOST_BINDINGS: Final = 2048
"""IP addresses whose hardware address is known; of more, the one that came first is forgotten and told again."""
MOST_TOLD: Final = 32
"""New bindings of a second that are told; a flood of forged ones is told by its conflicts and its rate."""
SETTLED_NS: Final = 60 * NS
"""After so long without a word of the one who was known, the one who claims is."""

_ARP: Final = Struct(">HHBBH6s4s6s4s")
_NOBODY: Final = bytes(4)
_ASK: Final = 1
_ANSWER: Final = 2


@dataclass(slots=True)
class Holder:
    """Who has an IP address, and when it said so last."""

    mac: bytes
    time_ns: int


class Arp:
    """All bindings on the wire."""

    def __init__(self, notes: Sightings, trace: Trace | None = None) -> None:
        self.forgotten = 0
        self._notes, self._trace = notes, trace
        self._holders: dict[bytes, Holder] = {}
        self._sweeps = Sweeps("arp", "arp", notes)
        self._second, self._told = 0, 0

    def frame(self, *, source: bytes, target: bytes, payload: memoryview, time_ns: int) -> None:  # noqa: ARG002 - whom it is for stands inside
        """Look at one packet: RFC 826."""
        why, read = "truncated", _ARP.unpack_from(payload) if len(payload) >= _ARP.size else None
        if read is not None:
            hardware, protocol, hardware_size, size, operation, mac, ip, _, asked = read
            why = "" if (hardware, protocol, hardware_size, size) == (1, 0x0800, 6, 4) else "addresses"
            if not why and not 1 <= operation <= 25:
                why = "operation"  # RFC 5494 counts them
        if read is None or why:
            self._malformed(source, payload, why, time_ns)
            return
        if self._trace is not None:
            self._trace("arp", str(operation), True)
        if operation == _ASK and ip != asked:
            self._sweeps.asked(text(ip if ip != _NOBODY else mac), asked, time_ns)
        if ip != _NOBODY and operation in (_ASK, _ANSWER):
            claims = operation == _ANSWER or ip == asked
            self._bind(ip, mac, source, payload, time_ns, claims=claims)

    def tick(self, time_ns: int) -> None:
        """Nothing here waits for time."""

    def _bind(self, ip: bytes, mac: bytes, sender: bytes, payload: memoryview, time_ns: int, *, claims: bool) -> None:
        holder = self._holders.get(ip)
        if holder is None:
            self._take_in(ip, Holder(mac, time_ns))
            self._second, self._told = (
                (self._second, self._told + 1) if time_ns // NS == self._second else (time_ns // NS, 1)
            )
            if self._told <= MOST_TOLD:
                self._say(ip, mac, b"", sender, payload, time_ns)
        elif holder.mac == mac:
            holder.time_ns = time_ns
            if sender != mac and claims:
                self._say(ip, mac, b"", sender, payload, time_ns)
        elif claims:
            self._say(ip, mac, holder.mac, sender, payload, time_ns)
            if time_ns - holder.time_ns > SETTLED_NS:
                self._holders[ip] = Holder(mac, time_ns)

    def _take_in(self, ip: bytes, holder: Holder) -> None:
        if len(self._holders) >= MOST_BINDINGS:
            del self._holders[next(iter(self._holders))]
            self.forgotten += 1
        self._holders[ip] = holder

    def _say(self, ip: bytes, mac: bytes, was: bytes, sender: bytes, raw: memoryview, time_ns: int) -> None:
        said, hardware = text(ip), text(mac)
        self._notes.note(
            EventKind.BINDING,
            time_ns,
            f"{said} is at {hardware}" + (f", was at {text(was)}" if was else ""),
            source=hardware,
            target=said,
            protocol="arp",
            about=(was, sender),
            raw=raw,
            ip=said,
            mac=hardware,
            was=text(was),
            sender=text(sender) if sender != mac else "",
        )

    def _malformed(self, source: bytes, raw: memoryview, why: str, time_ns: int) -> None:
        self._notes.note(
            EventKind.MALFORMED,
            time_ns,
            f"ARP that cannot be: {why}",
            source=text(source),
            protocol="arp",
            about=why,
            raw=raw,
            why=why,
            fatal=True,
        )
