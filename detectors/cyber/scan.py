"""Scan: one address asks many others in a few seconds, by ARP or by opening connections."""

from typing import Final

from detectors.cyber.check import Check, number
from detectors.model import Severity
from protocols.model import Event, EventKind
from protocols.sighting import Sighting

LEAST: Final = {"arp": 8, "tcp": 15}
"""Targets within ten seconds from which on it is a scan."""
MORE: Final = 2
"""How many times as many targets as it asked while all was learned a source may ask: a plant grows, a host restarts."""


class Scan(Check):
    """Knows the inventory scanners of the configuration, the gateway itself, and who asked many in the learning."""

    NAME = "scan"
    KINDS = frozenset({EventKind.SWEEP})
    TECHNIQUES = ("T0846",)
    ADVICE = (
        "Find out what runs at the source: an inventory or vulnerability scanner belongs into `scanners`; if nobody "
        "knows of one, unplug the source and look whom it reached."
    )

    def event(self, seen: Event) -> None:
        """Look at one that asks many."""
        if not isinstance(seen, Sighting) or seen.function not in LEAST:
            return
        targets = int(number(seen, "targets"))
        if targets < LEAST[seen.function] or self._expected(seen.source):
            return
        if usual(self, f"{seen.source}/{seen.function}", targets):
            return
        answered = int(number(seen, "answered"))
        back = answered >= targets and self.desk.baseline.knows("new_talker", seen.source)
        severity = Severity.INFO if back or self.desk.maintenance else self.SEVERITY
        asked = "for hardware addresses (ARP)" if seen.function == "arp" else "for connections (TCP)"
        told = f"; {answered} answered" if answered else ""
        text = f"{seen.source} asks {targets} addresses {asked} within {seen.facts.get('window_s', 10)} s{told}"
        self.alarm(seen, text, subject=seen.source, severity=severity)

    def _expected(self, source: str) -> bool:
        return source in self.desk.scanners or source in self.desk.own


def usual(check: Check, key: str, number: int) -> bool:
    """Return whether a number is not `MORE` times what it was at most while all was learned; learn it meanwhile."""
    baseline, now_ns = check.desk.baseline, check.desk.now_ns
    most = int(baseline.number(check.NAME, key))
    if baseline.learning(check.NAME, now_ns):
        baseline.meet(check.NAME, key, now_ns, str(max(most, number)))
        return True
    if number > MORE * most:
        baseline.meet(check.NAME, key, now_ns, str(number))
        return False
    return True
