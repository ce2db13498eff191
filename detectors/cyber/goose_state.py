"""Somebody else speaks as a GOOSE publisher, or its messages are held back: its numbers, names and sources.

Numbers that go back or jump and a second source are the signs of somebody who speaks along, and are never learned.
Other oddities are habits of real relays, which reuse a time or change it within a state: what a publisher did `HABIT`
times while learning is its habit. A new state by itself is what GOOSE is for, and no alarm.

Kept in the baseline for each control block: `REF` its source, `REF MAC` another one that was approved, `REF names`, and
`REF habits` with how often each was seen. `OUI habits` are those of a make: relays with the same
firmware do the same, also those that had no occasion to while it was learned.
"""

from collections.abc import Mapping
from typing import ClassVar, Final

from detectors.cyber.baseline import Verdict
from detectors.cyber.check import Check, Desk
from detectors.cyber.repeats import Repeats
from detectors.model import Severity
from protocols.model import Event, EventKind
from protocols.sighting import Sighting

NS: Final = 1_000_000_000
HABIT: Final = 3
"""How often an oddity is seen while learning until it is a habit: one restart or lost message is none."""
MAKE: Final = 8
"""Characters of a hardware address that say who made it."""
AFTER_DROPS_NS: Final = 10 * NS
"""For so long after the capture has lost frames, gaps are taken as its own."""
RESTART_S: Final = 5.0
"""A relay that restarts is silent for longer, and begins with state 1."""
SLIP: Final = 2
"""A network may lose, double or swap as many messages now and then; `SLIPS` times in a minute it may not."""
SLIPS: Final = 3
SILENCE_NS: Final = 600 * NS
"""A publisher that falls silent again within this time is held back, one that does so once was switched off."""
FORGED: Final[Mapping[str, str]] = {
    "st_back": "its state number went back",
    "st_jump": "states are missing",
    "sq_back": "its sequence number went back",
}
ODD: Final[Mapping[str, str]] = {
    "sq_jump": "messages are missing",
    "sq_double": "a message came twice",
    "data_without_st": "values changed without a new state",
    "t_without_st": "the time changed without a new state",
    "st_without_data": "a new state has the values of the old one",
    "t_reused": "a new state has the time of the old one",
    "expired": "it was silent for twice as long as its messages live",
}
NAMES: Final = frozenset({"app_id", "conf_rev", "dataset", "go_id", "destination"})
GAPS: Final = frozenset({"sq_jump", "st_jump", "expired"})


class GooseState(Check):
    """Judges what is odd about each GOOSE publisher by what it always does."""

    NAME: ClassVar[str] = "goose_state"
    KINDS: ClassVar[frozenset[EventKind]] = frozenset({EventKind.PUBLISHER, EventKind.DROPS})
    TECHNIQUES: ClassVar[tuple[str, ...]] = ("T0856", "T0830")
    ADVICE: ClassVar[str] = "look for the switch port of the source, and at what the subscribers did"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._drops_ns = -AFTER_DROPS_NS
        self._slips = Repeats(SLIPS)
        self._silences = Repeats(2, within_ns=SILENCE_NS)

    def event(self, seen: Event) -> None:
        """Look at what a publisher did, or that frames were lost."""
        if seen.kind is EventKind.DROPS:
            self._drops_ns = seen.time_ns
        elif isinstance(seen, Sighting) and (ref := str(seen.facts.get("ref", ""))):
            if seen.function == "new":
                self._met(seen, ref)
            elif seen.function == "new_source":
                self._stranger(seen, ref)
            elif seen.function in NAMES:
                self._names(seen, ref)
            elif seen.function in FORGED:
                self._forged(seen, ref)
            elif seen.function in ODD:
                self._odd(seen, ref)

    def _met(self, seen: Sighting, ref: str) -> None:
        owner = self.desk.baseline.value(self.NAME, ref)
        if owner and owner != seen.source:
            self._stranger(seen, ref)
        elif self.desk.baseline.meet(self.NAME, ref, self.desk.now_ns, seen.source) == "new":
            self._tell(seen, ref, "a publisher that was not here before", Severity.WARNING)
        else:
            self._names(seen, ref)

    def _stranger(self, seen: Sighting, ref: str) -> None:
        """Judge another source than the one known: critical while that one still speaks. Only a person approves it."""
        baseline, key = self.desk.baseline, f"{ref} {seen.source}"
        if baseline.value(self.NAME, ref) == seen.source or baseline.knows(self.NAME, key):
            return
        if not baseline.learning(self.NAME, self.desk.now_ns):
            baseline.meet(self.NAME, key, self.desk.now_ns)
        severity = Severity.CRITICAL if seen.facts.get("alive") else Severity.WARNING
        self._tell(seen, ref, f"{seen.source} speaks for it, and not {self._owner(seen, ref)}", severity, "T0830")

    def _owner(self, seen: Sighting, ref: str) -> str:
        return self.desk.baseline.value(self.NAME, ref) or str(seen.facts.get("was", "its known source"))

    def _names(self, seen: Sighting, ref: str) -> None:
        facts, baseline = seen.facts, self.desk.baseline
        if baseline.value(self.NAME, ref) != seen.source:
            return
        value = " ".join(str(facts.get(name, "")) for name in ("app_id", "conf_rev", "dataset", "go_id"))
        key = f"{ref} names"
        if baseline.meet(self.NAME, key, self.desk.now_ns, f"{seen.target} {value}", first_use=True) == "changed":
            text = f"it has another {seen.function}: {facts.get('value')}, was {facts.get('was')}"
            text = "its configuration is not the one known" if seen.function == "new" else text
            self._tell(seen, ref, text, Severity.WARNING)

    def _forged(self, seen: Sighting, ref: str) -> None:
        facts = seen.facts
        if facts.get("st") == 1 and float(facts.get("silent_s") or 0) >= RESTART_S:
            self._tell(seen, ref, f"it began anew after {facts['silent_s']} s of silence", Severity.INFO)
        elif not self._ours(seen) and not self._slip(seen, ref):
            self._tell(seen, ref, FORGED[seen.function], Severity.CRITICAL)

    def _odd(self, seen: Sighting, ref: str) -> None:
        baseline, function = self.desk.baseline, seen.function
        keys = f"{ref} habits", f"{seen.source[:MAKE]} habits"
        learning = baseline.learning(self.NAME, self.desk.now_ns)
        if not learning and any(_counted(baseline.value(self.NAME, key)).get(function, 0) >= HABIT for key in keys):
            return
        if self._ours(seen) or self._slip(seen, ref) or _after_jump(seen):
            return
        verdicts = [self._habit(key, seen) for key in (keys if learning else keys[:1])]
        if verdicts[0] in ("new", "changed"):
            once = function == "expired" and not self._silences.often(ref, seen.time_ns)
            self._tell(seen, ref, ODD[function], Severity.INFO if once else Severity.WARNING)

    def _habit(self, key: str, seen: Sighting) -> Verdict:
        """Count an oddity among the habits of a publisher or a make, or propose it as one."""
        baseline = self.desk.baseline
        habits, learning = _counted(baseline.value(self.NAME, key)), baseline.learning(self.NAME, self.desk.now_ns)
        count = min(habits.get(seen.function, 0) + seen.count, HABIT) if learning else HABIT
        told = {**habits, seen.function: count}
        value = " ".join(f"{name}:{count}" for name, count in sorted(told.items()))
        return baseline.meet(self.NAME, key, self.desk.now_ns, value)

    def _ours(self, seen: Sighting) -> bool:
        return seen.function in GAPS and 0 <= seen.time_ns - self._drops_ns < AFTER_DROPS_NS

    def _slip(self, seen: Sighting, ref: str) -> bool:
        """Return whether the network may have done it: a message or two lost, doubled or swapped, not often."""
        st, _, sq = str(seen.facts.get("was", "")).partition("/")
        if seen.function not in ("sq_jump", "sq_double", "sq_back") or st != str(seen.facts.get("st")):
            return False
        if not sq.isdigit() or abs(int(seen.facts.get("sq", 0)) - int(sq) - 1) > SLIP or "changed" in seen.facts:
            return False
        return not self._slips.often(f"{ref} {seen.function}", seen.time_ns, seen.count)

    def _tell(self, seen: Sighting, ref: str, text: str, severity: Severity, technique: str = "T0856") -> None:
        if self.desk.maintenance and severity is not Severity.CRITICAL:
            severity, text = Severity.INFO, f"{text}; in a maintenance window"
        subject = ref.replace("/", ".")
        self.alarm(seen, f"GOOSE {ref}: {text}", subject=subject, severity=severity, technique=technique)


def _after_jump(seen: Sighting) -> bool:
    """Return whether values or time are compared with those of another state than the one before: that is told."""
    st, was = seen.facts.get("st"), str(seen.facts.get("was", "")).partition("/")[0]
    return seen.function in ("st_without_data", "t_reused") and was.isdigit() and st != int(was) + 1


def _counted(habits: str) -> dict[str, int]:
    """Return how often each oddity was seen; what a person wrote otherwise is left out."""
    pairs = (each.partition(":") for each in habits.split())
    return {name: int(count) for name, _, count in pairs if name in ODD and count.isdigit()}
