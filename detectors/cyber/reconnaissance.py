"""Reconnaissance: somebody finds out what a device is and what is in it: asks who it is, lists it, tries addresses.

The map of a device is what of it was read while all was learned, and what the gateway itself reads at any time. One
that always read it and reads something more is info: who guesses addresses is refused, or asks for many. What the
gateway asks is never judged: its own first browse looks like an attacker's.
"""

from collections.abc import Sequence
from typing import Final

from detectors.cyber.check import Check, Desk, link, number
from detectors.cyber.repeats import NS, Repeats
from detectors.cyber.scan import usual
from detectors.cyber.spans import LARGEST, Spans, joined, parsed, told, within
from detectors.model import Severity
from protocols.model import Event, EventKind
from protocols.sighting import Sighting

REFUSALS: Final = 5
WITHIN_S: Final = 60
LEAST: Final = {"unit": 8, "address": 8}
"""Units, or blocks of addresses, that one asks within ten seconds."""
OWN_MAPS_MAX: Final = 512
"""Kinds of reading of the gateway's own devices; of more, the one that came first is learned again when it is read."""


class Reconnaissance(Check):
    """Discovery by one that never did it there, reading outside the map, five refusals in a minute, and sweeps."""

    NAME = "reconnaissance"
    KINDS = frozenset({EventKind.QUERY, EventKind.EXCEPTION, EventKind.SWEEP})
    TECHNIQUES = ("T0888", "T0861")
    ADVICE = (
        "Ask who works at the source: an engineering tool that is connected asks like this and belongs into "
        "`engineering` or `allow`; from anybody else it prepares an attack: block it, and look what it does next."
    )

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._refused = Repeats(REFUSALS, within_ns=WITHIN_S * NS)
        self._own: dict[str, Spans] = {}

    def event(self, seen: Event) -> None:
        """Look at a question, a refusal or a sweep."""
        if not isinstance(seen, Sighting) or seen.live:
            return
        if seen.kind is EventKind.EXCEPTION:
            self._refusal(seen)
        elif seen.kind is EventKind.SWEEP:
            self._sweep(seen)
        elif seen.facts.get("action") == "discover":
            self._discovery(seen)
        elif seen.facts.get("action") == "read":
            self._reading(seen)

    def _discovery(self, seen: Sighting) -> None:
        if self._expected(seen, "discover"):
            return
        asked = f"{link(seen)}/{seen.protocol}"
        if self.desk.baseline.meet(self.NAME, asked, self.desk.now_ns) == "new":
            what = seen.facts.get("what") or seen.detail
            self._tell(seen, f"{seen.source} asks {seen.target} what it is: {what} ({seen.protocol})", "T0888")

    def _reading(self, seen: Sighting) -> None:
        """Judge which addresses are read; what touches no numbers cannot be outside of a map."""
        items = _items(seen)
        if items is None:
            return
        baseline, place = self.desk.baseline, _place(seen)
        if seen.source in self.desk.own:
            self._own[place] = joined(self._own.pop(place, ()), *items)
            if len(self._own) > OWN_MAPS_MAX:
                del self._own[next(iter(self._own))]
            return
        known = parsed(baseline.value(self.NAME, place))
        reader = f"{link(seen)}/{seen.protocol} reads"
        if baseline.learning(self.NAME, self.desk.now_ns):
            baseline.meet(self.NAME, reader, self.desk.now_ns)
            baseline.meet(self.NAME, place, self.desk.now_ns, told(joined(known, *items)))
        elif not within(known, *items) and not within(self._own.get(place, ()), *items):
            if self._expected(seen, "read", items):
                return
            baseline.meet(self.NAME, place, self.desk.now_ns, told(joined(known, *items)))
            text = f"{seen.source} reads {items[0]} to {items[1]} of {place}, which nobody reads here"
            self._tell(seen, text, "T0861", usual=baseline.knows(self.NAME, reader))

    def _refusal(self, seen: Sighting) -> None:
        """Count what a device refuses: the source is the device, the target the one who asked.

        One that always explored it is refused now and then, and so is a master that has a rule.
        """
        explorer = self.desk.baseline.knows(self.NAME, f"{seen.target}-{seen.source}/{seen.protocol}")
        if explorer or self.desk.rules.link(seen.target, seen.source) or self._asker_expected(seen.target):
            return
        habit = f"{link(seen)}/{seen.protocol}/{seen.function}/{seen.facts.get('code', '')}"
        if self.desk.baseline.meet(self.NAME, habit, self.desk.now_ns) != "new":
            return
        if self._refused.often(link(seen), seen.time_ns, seen.count):
            text = f"{seen.source} refuses what {seen.target} asks, {REFUSALS} times or more within {WITHIN_S} s"
            self._tell(seen, text, "T0861", subject=f"{seen.target}-{seen.source}")

    def _sweep(self, seen: Sighting) -> None:
        targets = int(number(seen, "targets"))
        if targets < LEAST.get(seen.function, targets + 1) or self._asker_expected(seen.source):
            return
        if not usual(self, f"{link(seen)}/{seen.function}", targets):
            what = "unit addresses" if seen.function == "unit" else "blocks of addresses"
            at = f" at {seen.target}" if seen.target else ""
            text = f"{seen.source} tries {targets} {what}{at} within {seen.facts.get('window_s', 10)} s"
            self._tell(seen, text, "T0888" if seen.function == "unit" else "T0861")

    def _tell(self, seen: Sighting, text: str, technique: str, *, subject: str = "", usual: bool = False) -> None:
        severity = Severity.INFO if self.desk.maintenance or usual else self.SEVERITY
        self.alarm(seen, text, subject=subject or link(seen), severity=severity, technique=technique)

    def _expected(self, seen: Sighting, action: str, items: tuple[int, int] | None = None) -> bool:
        allowed = self.desk.rules.allow(seen.source, seen.target, seen.protocol, action, items)
        return allowed or self._asker_expected(seen.source)

    def _asker_expected(self, source: str) -> bool:
        return source in self.desk.own or source in self.desk.scanners or source in self.desk.engineering


def _items(seen: Sighting) -> tuple[int, int] | None:
    items = seen.facts.get("items")
    if not isinstance(items, Sequence) or len(items) != 2 or not all(isinstance(each, int) for each in items):
        return None
    first, last = items
    return (first, last) if 0 <= first <= last < LARGEST else None


def _place(seen: Sighting) -> str:
    """Return what numbers are counted in: `TARGET unit U modbus function F`, as far as it is known.

    DNP3 counts each group of objects for itself, whatever the variation: `TARGET outstation O g30 dnp3 function 1`.
    """
    facts = seen.facts
    unit = next((f" {word} {facts[word]}" for word in ("unit", "outstation", "station") if word in facts), "")
    if seen.protocol == "dnp3":
        unit += f" {str(facts.get('what', '')).partition('v')[0]}"
    return f"{seen.target}{unit} {seen.protocol} function {seen.function}"
