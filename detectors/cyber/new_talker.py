"""New talker: an address on the wire that is neither in the configuration nor was there while all was learned.

A host has an IP address and a hardware address. One that is new by both is one alarm, named by its IP address. One that
speaks as a known IP address from a hardware address that was never here, or that is not the one at which ARP knows it,
is an alarm too. A hardware address alone, as ARP and GOOSE have it, waits a moment for its IP address.
"""

from typing import Final

from detectors.cyber.addresses import many, nobody, virtual
from detectors.cyber.arp_mac_change import ArpMacChange
from detectors.cyber.check import Check, Desk
from detectors.model import Severity
from protocols.model import Event, EventKind
from protocols.sighting import Sighting

PATIENCE_NS: Final = 2_000_000_000
"""How long a hardware address waits for its IP address: ARP comes right before it."""
TOLD_MAX: Final = 1024
"""Hardware addresses that were told by their IP address; of more, the first may be told again."""
WAITING_MAX: Final = 64
"""Hardware addresses that wait; of more, the first is told at once."""


class NewTalker(Check):
    """Learns who is there, then tells who is new. An address of many, or of nobody yet, is no more than info."""

    NAME = "new_talker"
    KINDS = frozenset({EventKind.TALKER})
    TECHNIQUES = ("T0864", "T0846", "T0848")
    ADVICE = (
        "Find the port where it is plugged in (MAC address table of the switch) and whose it is; a laptop of today's "
        "work belongs into `engineering` or a maintenance window; approve what is to stay with `gridsentinel learn`."
    )

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._told: dict[str, None] = {}
        self._waiting: dict[str, Sighting] = {}

    def event(self, seen: Event) -> None:
        """Look at an address that spoke, or at how many more there were."""
        if not isinstance(seen, Sighting):
            return
        ip, mac = str(seen.facts.get("ip", "")), str(seen.facts.get("mac", ""))
        if ip:
            self._host(seen, ip, mac)
        elif mac:
            self._hardware(seen, mac)
        elif seen.count and not self.desk.baseline.learning(self.NAME, self.desk.now_ns):
            self.alarm(seen, f"{seen.count} more addresses speak for the first time", subject="more")

    def tick(self, now_ns: int) -> None:
        """Tell the hardware addresses that have waited long enough."""
        for mac, seen in [*self._waiting.items()]:
            if now_ns - seen.time_ns >= PATIENCE_NS:
                self._tell_hardware(mac)

    def _host(self, seen: Sighting, ip: str, mac: str) -> None:
        self._waiting.pop(mac, None)
        belongs = self._belongs(ip) and not self.desk.baseline.knows(self.NAME, ip)
        new = self._new(ip, first_use=belongs)
        new_mac = bool(mac) and not self._moves(mac) and self._new(mac, first_use=belongs)
        if new and not self._belongs(ip) and not self._moves(mac):
            self._told[mac] = None
            if len(self._told) > TOLD_MAX:
                del self._told[next(iter(self._told))]
            beside = f", hardware address {mac}" if mac else ""
            self._tell(seen, f"{ip} speaks here for the first time{beside}", ip)
        elif new_mac and mac not in self._told:
            self._tell(seen, f"{mac}, which was never here, speaks as {ip}", mac)
        elif mac and (usual := self._elsewhere(ip, mac)):
            self._tell(seen, f"{mac} speaks as {ip}, which is at {usual}", f"{ip} {mac}", technique="T0848")

    def _elsewhere(self, ip: str, mac: str) -> str:
        """Return the hardware address at which ARP knows an IP address, when another sends in its name.

        Who answers ARP is here, and not behind a router: so it is no detour of a network.
        """
        baseline, fact = self.desk.baseline, f"{ip} at {mac}"
        if baseline.learning(self.NAME, self.desk.now_ns):
            self._new(fact)
            return ""
        usual = baseline.value(ArpMacChange.NAME, ip)
        if not usual or usual == mac or self._moves(usual) or self._moves(mac) or ip in self.desk.virtual:
            return ""
        return usual if self._new(fact) else ""

    def _hardware(self, seen: Sighting, mac: str) -> None:
        if self._moves(mac) or not self._new(mac) or mac in self._told:
            return
        self._waiting.setdefault(mac, seen)
        if len(self._waiting) > WAITING_MAX:
            self._tell_hardware(next(iter(self._waiting)))

    def _tell_hardware(self, mac: str) -> None:
        self._tell(self._waiting.pop(mac), f"{mac} speaks here for the first time", mac)

    def _tell(self, seen: Sighting, text: str, who: str, *, technique: str = "") -> None:
        harmless = many(who) or nobody(who) or self.desk.maintenance
        severity = Severity.INFO if harmless else self.SEVERITY
        self.alarm(seen, text, subject=who, severity=severity, technique=technique)

    def _new(self, who: str, *, first_use: bool = False) -> bool:
        return self.desk.baseline.meet(self.NAME, who, self.desk.now_ns, first_use=first_use) == "new"

    def _belongs(self, ip: str) -> bool:
        desk = self.desk
        return ip in desk.engineering or ip in desk.scanners or desk.ours(ip) or desk.rules.name(ip)

    def _moves(self, mac: str) -> bool:
        """Whether hosts stand in for one another with this hardware address, or the policy knows it."""
        desk = self.desk
        return virtual(mac) or mac in desk.virtual or mac in desk.engineering or desk.rules.name(mac)
