"""Flood: more alarms than an operator can take, and what stands for them meanwhile.

EEMUA 191: a flood is more than ten alarms in ten minutes. ISA-18.2 clause 16 ends it when fewer than five come in that
time. While it lasts, one alarm of the gateway tells how many there are, where, of which kind, and which came first.
"""

from collections import Counter, deque
from collections.abc import Mapping
from typing import Any

from detectors.model import Finding, Severity
from gateway.core.messages import Alarm
from gateway.core.rules import AlarmRules
from protocols.model import GATEWAY

NS = 1_000_000_000
FLOOD = "flood"
"""The word of this finding where others have that of their detector."""
COUNTED_MAX = 32
"""Bays and kinds counted by name in the summary; the rest is counted as OTHER."""
OTHER = "other"
KIND = "alarm_flood"
FLOOD_ALARM = f"{GATEWAY}/{KIND}"
"""The alarm that stands for all of a flood."""
NAMED = 3
"""Bays and kinds named in the text."""


class Flood:
    """The times of the last alarms, and while a flood is `active` when it began and its counts."""

    def __init__(self, rules: AlarmRules) -> None:
        self._most, self._few = rules.flood_count, rules.flood_end_count
        self._within_ns, self._update_ns = int(rules.flood_s * NS), int(rules.update_s * NS)
        self._came: deque[tuple[int, str, str, str, str]] = deque(maxlen=max(self._most, self._few) + 1)
        self.active = False
        self.began_ns = self._told_ns = 0
        self._first_out = ""
        self._counts: dict[str, Counter[str]] = {}
        self.withheld = 0

    @property
    def total(self) -> int:
        """Alarms of the present flood so far."""
        return sum(self._counts.get("severity", Counter()).values())

    def came(self, alarm: Alarm, place: str, now_ns: int) -> bool:
        """Count an alarm for the operator; return whether a flood begins with it."""
        told = (now_ns, alarm.id, alarm.severity.value, place, alarm.kind)
        self._came.append(told)
        if self.active:
            self._count(told)
            return False
        recent = [each for each in self._came if now_ns - each[0] <= self._within_ns]
        if len(recent) <= self._most:
            return False
        self.active, self.began_ns, self._told_ns = True, now_ns, now_ns
        self._first_out, self._counts, self.withheld = recent[0][1], {}, 0
        for each in recent:
            self._count(each)
        return True

    def over(self, now_ns: int) -> bool:
        """Whether it ends now."""
        if not self.active:
            return False
        recent = sum(now_ns - at_ns <= self._within_ns for at_ns, *_ in self._came)
        return recent < self._few

    def due(self, now_ns: int) -> bool:
        """Whether it is to be told anew."""
        return self.active and now_ns - self._told_ns >= self._update_ns

    def finding(self, now_ns: int, *, active: bool, standing: int = 0) -> Finding:
        """Return its summary, of which so many are `standing` untold; with `active` False it ends."""
        self._told_ns = now_ns
        text = self._text(now_ns, active=active) + (f"; {standing} still active" if standing else "")
        self.active = active
        return Finding(
            detector=FLOOD,
            kind=KIND,
            device=GATEWAY,
            severity=Severity.WARNING,
            time_ns=now_ns,
            active=active,
            actual=float(self.total),
            expected=float(self._most),
            score=self.total / self._most,
            text=text,
            evidence=self.evidence(),
            advice=""
            if not active
            else "Look at what came first, and at critical alarms; the others are in the status.",
        )

    def evidence(self) -> Mapping[str, Any]:
        """Return its counts, and what came first."""
        counts = {word: dict(counted.most_common()) for word, counted in self._counts.items()}
        return {"alarms": self.total, "withheld": self.withheld, "first_out": self._first_out, **counts}

    def resume(self, since_ns: int | None) -> None:
        """Take up the flood whose summary was active before a restart, or that there was none."""
        if since_ns is not None and not self.active:
            self.began_ns = self._told_ns = since_ns
        self.active = since_ns is not None

    def step(self, by_ns: int) -> None:
        """The clock was set."""
        moved = [(at_ns + by_ns, *rest) for at_ns, *rest in self._came]
        self._came = deque(moved, self._came.maxlen)  # type: ignore[arg-type]
        self.began_ns, self._told_ns = self.began_ns + by_ns, self._told_ns + by_ns

    def state(self) -> Mapping[str, Any]:
        """Return everything as plain words."""
        return {
            "came": list(self._came),
            "active": self.active,
            "began_ns": self.began_ns,
            "told_ns": self._told_ns,
            "first_out": self._first_out,
            "counts": self._counts,
            "withheld": self.withheld,
        }

    def restore(self, told: Mapping[str, Any]) -> None:
        """Take up what `state` told."""
        self._came.extend((int(at_ns), str(i), str(s), str(p), str(k)) for at_ns, i, s, p, k in told["came"])
        self.active = bool(told["active"])
        self.began_ns, self._told_ns = int(told["began_ns"]), int(told["told_ns"])
        self._first_out, self.withheld = str(told["first_out"]), int(told["withheld"])
        self._counts = {word: Counter(counted) for word, counted in told["counts"].items()}

    def _count(self, told: tuple[int, str, str, str, str]) -> None:
        for word, name in zip(("severity", "bay", "kind"), told[2:], strict=True):
            counted = self._counts.setdefault(word, Counter())
            counted[name if name in counted or len(counted) < COUNTED_MAX else OTHER] += 1

    def _text(self, now_ns: int, *, active: bool) -> str:
        last_min = (now_ns - self.began_ns) / 60 / NS
        head = "alarm flood" if active else f"alarm flood over after {last_min:.0f} min"
        parts = [f"{head}: {self.total} alarms", *(self._most_of(word) for word in ("severity", "bay", "kind"))]
        return f"{'; '.join(part for part in parts if part)}; first {self._first_out}"

    def _most_of(self, word: str) -> str:
        counted = self._counts.get(word, Counter()).most_common()
        more = f", {len(counted) - NAMED} more" if len(counted) > NAMED else ""
        return ", ".join(f"{name} {count}" for name, count in counted[:NAMED]) + more
