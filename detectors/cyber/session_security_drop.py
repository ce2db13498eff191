"""Session security: a session is protected less than it was, or somebody else answers or logs on.

Judges what is seen of the security of sessions, whoever saw it: a driver in our own conversation or the tap. `what` is

    policy, mode    how messages are protected; weaker than ever at this server is critical, stronger is only a change
    user            how the client logs on: a name, or anonymous, which is weaker
    certificate     the fingerprint of who presents it; it changes when it is renewed, or when it is somebody else
    login           a log-on that the server refused; three in a minute are guessing

Anything else that is told must only not change.
"""

from typing import Final

from detectors.cyber.check import Check, Desk, link
from detectors.cyber.repeats import NS, Repeats
from detectors.model import Severity
from protocols.model import Event, EventKind
from protocols.sighting import Sighting

TIMES: Final = 3
WITHIN_S: Final = 60
STRENGTH: Final = {
    "policy": ("none", "basic128rsa15", "basic256", "basic256sha256", "aes128_sha256_rsaoaep", "aes256_sha256_rsapss"),
    "mode": ("none", "sign", "signandencrypt"),
    "user": ("anonymous", "named"),
}
"""What protects, in rising order (OPC 10000-7 for policies); `named` is any user that has a name."""


class SessionSecurityDrop(Check):
    """Takes what it first sees of two parties as normal, unless it is weaker than all that a server was used to."""

    NAME = "session_security_drop"
    KINDS = frozenset({EventKind.SECURITY})
    TECHNIQUES = ("T0830", "T0859")
    ADVICE = (
        "Ask whether a certificate was renewed or the server's security changed; if so, approve it with "
        "`gridsentinel learn`. If not, treat what the session says as possibly forged, and look who answers at the "
        "server's address."
    )

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._refused = Repeats(TIMES, within_ns=WITHIN_S * NS)

    def event(self, seen: Event) -> None:
        """Look at how a session is protected."""
        if not isinstance(seen, Sighting):
            return
        what, value = str(seen.facts.get("what") or seen.function), str(seen.facts.get("value", ""))
        if what == "login":
            self._refusal(seen)
        elif value:
            self._judge(seen, what, value)

    def _judge(self, seen: Sighting, what: str, value: str) -> None:
        baseline, now_ns = self.desk.baseline, self.desk.now_ns
        who = seen.source if what == "certificate" else link(seen)
        place = f"{who or seen.device} {what}"
        weakest = self._weakest(seen, what, value)
        before = baseline.value(self.NAME, place) or str(seen.facts.get("was", ""))
        refused = bool(seen.facts.get("refused"))
        first_use = not weakest and not seen.facts.get("was") and not refused
        verdict = baseline.meet(self.NAME, place, now_ns, value, first_use=first_use, signed=refused)
        subject = f"{link(seen)} {what}".strip()
        if verdict in ("known", "learned"):
            self.over(seen, subject)
            return
        lasts = self.lasts(place) if verdict == "changed" else {}
        weaker = bool(before or weakest) and strength(what, value) < strength(what, before or weakest)
        told = f"{seen.source} to {seen.target}" if seen.target else seen.source or seen.device
        story = f"{what} is {value}, it was {before or weakest or 'never told'}"
        text = f"{told}: {'protected less, ' if weaker else ''}{story} ({seen.protocol})"
        severity = Severity.CRITICAL if weaker else self.SEVERITY
        severity = Severity.INFO if self.desk.maintenance else severity
        technique = "T0859" if what == "user" else "T0830"
        self.alarm(seen, text, subject=subject, severity=severity, technique=technique, evidence=lasts)

    def _weakest(self, seen: Sighting, what: str, value: str) -> str:
        """Return the weakest that a server was used to, if this is weaker still; else empty."""
        mine = strength(what, value)
        if what not in STRENGTH or not seen.target:
            return ""
        baseline, now_ns, server = self.desk.baseline, self.desk.now_ns, f"{seen.target} {what} at least"
        known = baseline.value(self.NAME, server)
        if known and mine >= strength(what, known):
            return ""
        verdict = baseline.meet(self.NAME, server, now_ns, value, first_use=True)
        return known if verdict == "changed" else ""

    def _refusal(self, seen: Sighting) -> None:
        if self._refused.often(link(seen), seen.time_ns, seen.count):
            text = f"{seen.source} fails to log on at {seen.target}, {TIMES} times or more within {WITHIN_S} s"
            self.alarm(seen, text, subject=f"{link(seen)} login", technique="T0859")


def strength(what: str, value: str) -> int:
    """Return how strong a protection is against its like; what is not known is as strong as any."""
    words = STRENGTH.get(what, ())
    word = value.rpartition("#")[2].lower()
    return words.index(word) if word in words else max(len(words) - 1, 0)
