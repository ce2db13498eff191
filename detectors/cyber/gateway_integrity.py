"""The gateway itself: its code, its configuration and its unit are what they were, its audit log has no gap.

The gateway says what it finds at its start and once a day. Other code under the same version is tampering; under a new
version it is an upgrade, which is noted and becomes normal. So does a configuration that a start or a reload took up:
the audit log has that. One that lies there and is not what runs is a warning. Nothing of it is learned in silence, but
the first.
"""

from typing import ClassVar, Final

from detectors.cyber.check import Check, Desk, number
from detectors.cyber.repeats import Repeats
from detectors.model import Severity
from protocols.model import Event, EventKind
from protocols.sighting import Sighting

BROKEN: Final = "broken"
"""The value of a record that is not as it was written."""
RECORDS: Final = {
    "audit": "the audit log of the gateway has a gap",
    "baseline": "what is normal here was changed by nobody who was asked to",
}
LOST_SHARE: Final = 0.01
"""Frames that a tap may lose."""
OFTEN: Final = 3
"""How often in a minute it may not lose more: one burst is everyday, and what lasts is blindness."""
DEAF_S: Final = 300
"""For so long a switch does not restart: the capture is deaf."""
AGAIN_NS: Final = 600_000_000_000
"""Within this a capture that hears nothing again is disturbed."""
SAID: Final = {"code": "its own code", "config": "its configuration", "unit": "its systemd unit"}
USUAL: Final = {"code": Severity.CRITICAL, "config": Severity.WARNING, "unit": Severity.CRITICAL}


class GatewayIntegrity(Check):
    """Compares hashes with those that were there first."""

    NAME: ClassVar[str] = "gateway_integrity"
    KINDS: ClassVar[frozenset[EventKind]] = frozenset({EventKind.INTEGRITY, EventKind.DROPS})
    TECHNIQUES: ClassVar[tuple[str, ...]] = ("T0872", "T0851", "T0874")
    SEVERITY: ClassVar[Severity] = Severity.CRITICAL
    ADVICE: ClassVar[str] = "Find out who changed it: compare it with the package, then approve it or install it anew."

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._often = Repeats(OFTEN)
        self._silences = Repeats(2, within_ns=AGAIN_NS)
        self._silent: dict[str, int] = {}

    def event(self, seen: Event) -> None:
        """Compare."""
        if not isinstance(seen, Sighting):
            return
        if seen.kind is EventKind.DROPS:
            if seen.facts.get("silent_s"):
                self._deaf(seen, int(number(seen, "silent_s")))
            else:
                self._drops(seen)
        elif seen.function in RECORDS:
            self._record(seen)
        elif seen.function in SAID:
            self._hash(seen)

    def _record(self, seen: Sighting) -> None:
        """Look at what must be whole; a person may approve that it is not, in just this way.

        A baseline is whole again as soon as the gateway has written it with all that somebody has put there: so that
        is not over.
        """
        what = seen.function
        if seen.facts.get("value") != BROKEN:
            if what != "baseline":
                self.over(seen, what)
            return
        verdict = self.desk.baseline.meet(self.NAME, what, seen.time_ns, seen.detail, signed=True)
        if verdict != "known":
            self.alarm(seen, f"{RECORDS[what]}: {seen.detail}", subject=what, evidence=self.lasts(what))

    def _hash(self, seen: Sighting) -> None:
        baseline, what = self.desk.baseline, seen.function
        version, value = str(seen.facts.get("version", "")), str(seen.facts.get("value", ""))
        now, was = f"{version} {value}", baseline.value(self.NAME, what)
        before, _, hashed = was.partition(" ")
        baseline.meet(self.NAME, what, self.desk.now_ns, now, first_use=True, signed=True)
        if not was or was == now:
            self.over(seen, what)
        elif hashed == value or (before != version and what != "config"):
            baseline.approve(self.NAME, what, by="upgrade", now_ns=seen.time_ns)
            if hashed != value:
                text = f"{SAID[what]} is of version {version} now, was {before}"
                self.alarm(seen, text, subject=what, severity=Severity.INFO)
        elif seen.facts.get("taken_up"):
            baseline.approve(self.NAME, what, by="reload", now_ns=seen.time_ns)
            text = f"{SAID[what]} was changed, and taken up by a start or a reload that the audit log names"
            self.alarm(seen, text, subject=what, severity=Severity.INFO)
        else:
            still = f", and its version {version} is the same" if before == version else ""
            text = f"the gateway found {SAID[what]} changed{still}"
            technique = "T0851" if what == "code" else ""
            self.alarm(seen, text, subject=what, severity=USUAL[what], technique=technique, evidence=self.lasts(what))

    def _deaf(self, seen: Sighting, silent_s: int) -> None:
        """A switch that restarts is silent once, and not for long; a recording may have pauses."""
        begins = silent_s <= self._silent.get(seen.device, silent_s)
        self._silent[seen.device] = silent_s
        again = begins and self._silences.often(seen.device, seen.time_ns)
        deaf = (again or silent_s >= DEAF_S) and not seen.facts.get("recorded")
        severity = Severity.WARNING if deaf else Severity.INFO
        text = f"{seen.device} hears nothing any more: attacks are not seen, unless its switch restarts"
        self.alarm(seen, text, subject="silence", severity=severity)

    def _drops(self, seen: Sighting) -> None:
        dropped, of = float(seen.facts.get("dropped", 0)), float(seen.facts.get("of", 0))
        lost = dropped > LOST_SHARE * max(of, 1.0)
        if lost and self._often.often(seen.device, seen.time_ns, 1):
            text = f"{seen.device} lost {dropped:.0f} of {of:.0f} frames: attacks in them are not seen"
            self.alarm(seen, text, subject="drops", severity=Severity.WARNING)
