"""ARP: an IP address is suddenly at another hardware address, as when somebody puts himself between two.

One frame may be a slip, so it takes two within five seconds, whatever the two claim. It is worse when the frame was
sent by another hardware address than the one that it speaks of, and worst when two IP addresses move to one that
belongs to neither: then all that the two say to each other passes there.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from detectors.cyber.addresses import nobody, virtual
from detectors.cyber.check import Check, Desk
from detectors.cyber.repeats import NS, Repeats
from detectors.model import Severity
from protocols.model import Event, EventKind
from protocols.sighting import Sighting

TIMES: Final = 2
WITHIN_NS: Final = 5 * NS
BETWEEN_NS: Final = 300 * NS
"""Two IP addresses that move to the same place within so long belong together."""
MACS_MAX: Final = 64
"""Hardware addresses to which others moved that are watched; of more, the first is forgotten."""
CLAIMS_MAX: Final = 64
"""IP addresses that moved to one of them: two are enough."""


@dataclass(slots=True)
class Claims:
    """The IP addresses that moved to one hardware address, and when the last did."""

    last_ns: int = 0
    ips: dict[str, None] = field(default_factory=dict)


class ArpMacChange(Check):
    """Learns where each IP address is; what moves by design (VRRP, HSRP, PRP) is known or in `virtual`."""

    NAME = "arp_mac_change"
    KINDS = frozenset({EventKind.BINDING})
    TECHNIQUES = ("T0830",)
    ADVICE = (
        "Compare the hardware address with the device's own. If the device or its network card was exchanged, approve "
        "it with `gridsentinel learn`; if two share the address by design, list it in `virtual`; else find the port "
        "of the new hardware address at the switch and shut it: what passes there may be read and changed."
    )

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._often = Repeats(TIMES, within_ns=WITHIN_NS)
        self._claims: dict[str, Claims] = {}

    def event(self, seen: Event) -> None:
        """Look at where an IP address is now."""
        if not isinstance(seen, Sighting):
            return
        ip, mac, was = (str(seen.facts.get(word, "")) for word in ("ip", "mac", "was"))
        if not ip or not mac or nobody(ip) or self._moves(ip, mac):
            return
        baseline, now_ns = self.desk.baseline, self.desk.now_ns
        verdict = baseline.meet(self.NAME, ip, now_ns, mac, first_use=not was)
        usual = baseline.value(self.NAME, ip) or was
        if verdict in ("known", "learned") or not usual:
            self.over(seen, ip)
            self._spoken_for(seen, ip, mac)
        elif not self._moves(ip, usual) and self._often.often(ip, seen.time_ns, seen.count):
            self._tell(seen, ip, mac, usual, lasts=self.lasts(ip) if verdict == "changed" else {})

    def _spoken_for(self, seen: Sighting, ip: str, mac: str) -> None:
        """Judge a claim that is true, and was made by somebody else; a proxy that always did so is known."""
        sender = str(seen.facts.get("sender") or mac)
        if sender == mac or self._moves(ip, sender):
            return
        habit = self.desk.baseline.meet(self.NAME, f"{ip} by {sender}", self.desk.now_ns)
        if habit == "new" and self._often.often(f"{ip} by {sender}", seen.time_ns, seen.count):
            severity = Severity.INFO if self.desk.maintenance else self.SEVERITY
            self.alarm(seen, f"{sender} speaks for {ip}, which is at {mac}", subject=ip, severity=severity)

    def _tell(self, seen: Sighting, ip: str, mac: str, usual: str, *, lasts: Mapping[str, Any]) -> None:
        sender = str(seen.facts.get("sender") or mac)
        others = [each for each in self._also(ip, mac, seen.time_ns) if each != ip]
        text = f"{ip} is at {mac} now, it was at {usual}"
        severity = self.SEVERITY
        if others:
            text += f"; {', '.join(others[:3])} too: somebody may have put himself between them"
            severity = Severity.CRITICAL
        elif sender != mac:
            text += f"; the frame that says so came from {sender}"
            severity = Severity.CRITICAL
        severity = Severity.INFO if self.desk.maintenance else severity
        self.alarm(seen, text, subject=ip, severity=severity, evidence={"usual": usual, **lasts})

    def _also(self, ip: str, mac: str, now_ns: int) -> list[str]:
        """Return all IP addresses that moved to a hardware address lately, this one too."""
        claims = self._claims.pop(mac, None) or Claims()
        if now_ns - claims.last_ns > BETWEEN_NS:
            claims.ips.clear()
        claims.last_ns = now_ns
        if len(claims.ips) < CLAIMS_MAX:
            claims.ips[ip] = None
        self._claims[mac] = claims
        if len(self._claims) > MACS_MAX:
            del self._claims[next(iter(self._claims))]
        return list(claims.ips)

    def _moves(self, ip: str, mac: str) -> bool:
        """Whether an address moves between hosts by design."""
        return virtual(mac) or ip in self.desk.virtual or mac in self.desk.virtual
