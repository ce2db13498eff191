"""What is suppressed now, by which cause, and what may still turn out to be: a meter may be read before its breaker."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from gateway.core.messages import Alarm
from gateway.core.rules import AlarmRules

NS = 1_000_000_000


class Suppressed:
    """The suppressed alarms of each cause, since when a cause is over, and alarms of low voltage of a moment ago."""

    def __init__(self, rules: AlarmRules) -> None:
        self._settle_ns = int(rules.incident_s * NS)
        self._of: dict[str, set[str]] = {}
        self._over_ns: dict[str, int] = {}
        self._low_ns: dict[str, int] = {}

    def __bool__(self) -> bool:
        return bool(self._of or self._low_ns)

    def add(self, id_: str, cause: str) -> None:
        """Note that an alarm is suppressed."""
        self._low_ns.pop(id_, None)
        self._of.setdefault(cause, set()).add(id_)

    def discard(self, alarm: Alarm) -> None:
        """Note that it is no longer."""
        of = self._of.get(alarm.suppressed_by, set())
        of.discard(alarm.id)
        if not of:
            self._of.pop(alarm.suppressed_by, None)
            self._over_ns.pop(alarm.suppressed_by, None)

    def low(self, id_: str, now_ns: int) -> None:
        """Note that a bus which is not known to be dead shows no voltage."""
        self._low_ns[id_] = now_ns

    def lately_low(self, now_ns: int) -> Sequence[str]:
        """Return the alarms of low voltage that came a moment ago; the others stay what they are."""
        self._low_ns = {id_: at_ns for id_, at_ns in self._low_ns.items() if now_ns - at_ns <= self._settle_ns}
        return list(self._low_ns)

    def let_out(self, holds: Callable[[str], bool], now_ns: int) -> Iterator[tuple[str, str]]:
        """Yield each alarm and its cause that is over for so long that what only followed from it is over, too."""
        for cause in sorted(self._of):
            if holds(cause):
                self._over_ns.pop(cause, None)
            elif now_ns - self._over_ns.setdefault(cause, now_ns) >= self._settle_ns:
                del self._over_ns[cause]
                yield from ((id_, cause) for id_ in sorted(self._of.pop(cause)))

    def step(self, by_ns: int) -> None:
        """The clock was set."""
        for times in (self._over_ns, self._low_ns):
            times.update({key: at_ns + by_ns for key, at_ns in times.items()})

    def state(self) -> Mapping[str, Any]:
        """Return what stands in no alarm, as plain words."""
        return {"over_ns": self._over_ns, "low_ns": self._low_ns}

    def restore(self, told: Mapping[str, Any]) -> None:
        """Take up what `state` told."""
        self._over_ns, self._low_ns = (
            {str(key): int(at_ns) for key, at_ns in told[name].items()} for name in ("over_ns", "low_ns")
        )
