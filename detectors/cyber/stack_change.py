"""Stack change: somebody speaks with the IP and the hardware address of a host, but is not that host.

Every system begins its packets with a number of hops of its own (64, 128, 255). Two of them behind one pair of
addresses are two systems: one hijacks the other's connections, or stands in for it while it is down.
"""

from typing import Final

from detectors.cyber.addresses import virtual
from detectors.cyber.check import Check, link
from detectors.model import Severity
from protocols.model import Event, EventKind
from protocols.sighting import Sighting

HOPS: Final = (32, 64, 128, 255)


class StackChange(Check):
    """Learns with what each host begins: behind a NAT, or where two share an address by design, there are several."""

    NAME = "stack_change"
    KINDS = frozenset({EventKind.IDENTITY})
    TECHNIQUES = ("T0856", "T0830", "T0848")
    ADVICE = (
        "Compare what the host itself has sent with the frames in the evidence, and look at which port of the switch "
        "its hardware address was seen. If its system was exchanged, approve it with `gridsentinel learn`."
    )

    def event(self, seen: Event) -> None:
        """Look at with what a host begins."""
        if not isinstance(seen, Sighting) or seen.function != "hops":
            return
        mac, value, desk = str(seen.facts.get("mac", "")), str(seen.facts.get("value", "")), self.desk
        if seen.source in desk.virtual or mac in desk.virtual or virtual(mac):
            return
        host = f"{seen.source} at {mac}, hops "
        others = [each for each in map(str, HOPS) if each != value and desk.baseline.knows(self.NAME, host + each)]
        verdict = desk.baseline.meet(self.NAME, host + value, desk.now_ns, first_use=not others)
        if not others or verdict == "known":
            return
        text = f"two systems speak as {seen.source} at {mac}: packets begin with {value} hops, with {others[0]} before"
        quiet = verdict == "learned" or desk.maintenance
        self.alarm(
            seen, text, subject=link(seen), severity=Severity.INFO if quiet else None, evidence={"was": others[0]}
        )
