"""New pair: a client talks to a server that it never talked to before, or at another port.

Who is the client is told by the opening of the connection. Where that was not seen, because the connection is older
than the capture, only the two ends are judged, in any order. Facts of the baseline, A the client and B the server:

    A>B:502/tcp     A opened it and B answered          A?B:502/tcp     A tried, and B did not answer
    A~B:502/tcp     the opening was not seen            A~B             both talk, whoever began
"""

from detectors.cyber.addresses import many
from detectors.cyber.check import Check, link
from detectors.model import Severity
from protocols.model import Event, EventKind
from protocols.sighting import Sighting

DYNAMIC_PORT = 49152
"""From here on servers choose their ports themselves (RFC 6335 clause 6), as FTP and DCOM do."""


class NewPair(Check):
    """Learns who talks to whom, then tells who is new; what nobody answers is info."""

    NAME = "new_pair"
    KINDS = frozenset({EventKind.PAIR})
    TECHNIQUES = ("T0886", "T0848", "T0866")
    ADVICE = (
        "Ask who works at the source and why it connects. If it is meant to stay, approve it with `gridsentinel learn` "
        "or add a rule to `allow`; if not, block it at the firewall or the switch and look what else the source did."
    )

    def event(self, seen: Event) -> None:
        """Look at who talks to whom."""
        if not isinstance(seen, Sighting) or not seen.target or self._expected(seen):
            return
        sure, answered = seen.facts.get("opened") == "syn", bool(seen.facts.get("answered"))
        if self._known(seen, sure=sure, answered=answered):
            return
        server = f"{seen.target} port {seen.port}" if seen.port else seen.target
        story = f"connects to {server}" if sure else f"talks with {server}"
        words = "for the first time" if answered else "for the first time, and is not answered"
        quiet = not answered or many(seen.target) or self.desk.maintenance or self._usual(seen)
        severity = Severity.INFO if quiet else self.SEVERITY
        self.alarm(seen, f"{seen.source} {story} {words}", subject=link(seen), severity=severity)

    def _expected(self, seen: Sighting) -> bool:
        desk = self.desk
        ours = seen.live or (seen.source in desk.own and seen.target in desk.devices)
        return ours or seen.source in desk.scanners or desk.rules.link(seen.source, seen.target)

    def _known(self, seen: Sighting, *, sure: bool, answered: bool) -> bool:
        """Meet the facts of a pair; return whether it is normal."""
        baseline, now_ns = self.desk.baseline, self.desk.now_ns
        ends, port = _ends(seen), f":{seen.port}/{seen.protocol}"
        opened, free = f"{seen.source}>{seen.target}{port}", f"{ends}{port}"
        if sure and not answered:
            tried = f"{seen.source}?{seen.target}{port}"
            return baseline.knows(self.NAME, opened) or baseline.meet(self.NAME, tried, now_ns) != "new"
        if baseline.learning(self.NAME, now_ns):
            baseline.meet(self.NAME, ends, now_ns)
            baseline.meet(self.NAME, opened if sure else free, now_ns)
            return True
        if not sure:
            return baseline.meet(self.NAME, ends, now_ns) != "new"
        return baseline.knows(self.NAME, free) or baseline.meet(self.NAME, opened, now_ns) != "new"

    def _usual(self, seen: Sighting) -> bool:
        """Whether the two talk anyway, and the port is one of those that a server chooses anew each time."""
        return seen.port >= DYNAMIC_PORT and self.desk.baseline.knows(self.NAME, _ends(seen))


def _ends(seen: Sighting) -> str:
    return "~".join(sorted((seen.source, seen.target)))
