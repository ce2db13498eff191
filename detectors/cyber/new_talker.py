"""New talker: an address on the wire that is neither in the configuration nor was there while all was learned."""

from detectors.cyber.addresses import many, nobody, virtual
from detectors.cyber.check import Check
from detectors.model import Severity
from protocols.model import Event, EventKind
from protocols.sighting import Sighting


class NewTalker(Check):
    """Learns who is there, then tells who is new. An address of many, or of nobody yet, is no more than info."""

    NAME = "new_talker"
    KINDS = frozenset({EventKind.TALKER})
    TECHNIQUES = ("T0864", "T0846")
    ADVICE = (
        "Find the port where it is plugged in (MAC address table of the switch) and whose it is; a laptop of today's "
        "work belongs into `engineering` or a maintenance window; approve what is to stay with `gridsentinel learn`."
    )

    def event(self, seen: Event) -> None:
        """Look at an address that spoke, or at how many more there were."""
        if not isinstance(seen, Sighting):
            return
        ip, mac = str(seen.facts.get("ip", "")), str(seen.facts.get("mac", ""))
        who = ip or mac or seen.source
        if not who:
            if seen.count and not self.desk.baseline.learning(self.NAME, self.desk.now_ns):
                self.alarm(seen, f"{seen.count} more addresses speak for the first time", subject="more")
            return
        if self._expected(who, mac) or self.desk.baseline.meet(self.NAME, who, self.desk.now_ns) != "new":
            return
        beside = f", hardware address {mac}" if ip and mac else ""
        harmless = many(who) or nobody(who) or self.desk.maintenance
        severity = Severity.INFO if harmless else self.SEVERITY
        self.alarm(seen, f"{who} speaks here for the first time{beside}", subject=who, severity=severity)

    def _expected(self, who: str, mac: str) -> bool:
        desk = self.desk
        named = who in desk.engineering or who in desk.scanners or who in desk.virtual or mac in desk.virtual
        return named or desk.ours(who) or desk.rules.name(who) or virtual(mac)
