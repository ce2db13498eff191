"""Enters every command into the audit log, whatever came of it; a flood of them only by its number.

Each entry is a write to flash and takes the place of an older one. So the first BURST are entered each, then one every
EACH_S seconds; the others are counted, and their number is entered once a minute.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from gateway.uplink.commands import Outcome

BURST = 1000
"""Commands in a row that have an entry each: all alarms of a station acknowledged one by one."""
EACH_S = 10.0
"""Beyond that an entry has such a pause, so that a flood of a day takes 2 MB of the log and not all of it."""
TOLD_S = 60.0
"""How often the others are told by their number."""


class Audit(Protocol):
    """What is needed of the audit log."""

    def note(self, what: str, who: str, **detail: Any) -> None:
        """Enter that `who` did `what`, now."""


class Logbook:
    """What was commanded, for the audit log, under `word`. `clock` is UTC, `clock_s` monotonic."""

    def __init__(
        self, audit: Audit, clock: Callable[[], int], clock_s: Callable[[], float], word: str = "command"
    ) -> None:
        self.now_ns = clock
        self._word = word
        self._audit, self._clock_s = audit, clock_s
        self._left, self._filled_s = float(BURST), clock_s()
        self._others: Counter[str] = Counter()
        self._told_s = clock_s()
        self._swallowed = 0

    def command(self, outcome: Outcome, told: Mapping[str, Any]) -> None:
        """Enter one command."""
        self.tell()
        now_s = self._clock_s()
        self._left = min(float(BURST), self._left + (now_s - self._filled_s) / EACH_S)
        self._filled_s = now_s
        if self._left < 1:
            self._others[outcome.value] += 1
            return
        self._left -= 1
        detail = {key: value for key, value in told.items() if key != "by" and value is not None}
        self._audit.note(self._word, told.get("by") or "unknown", outcome=outcome.value, **detail)

    def dropped(self, count: int) -> None:
        """Note commands that were not read: too many waited, or the connection ended before their turn."""
        self._others["dropped"] += count

    def swallowed(self, total: int) -> None:
        """Note how often since the start a connection ended because the broker sent more than a command can be."""
        self.dropped(total - self._swallowed)
        self._swallowed = total

    def tell(self, *, now: bool = False) -> None:
        """Enter the number of those that have no entry, once a minute, or now."""
        if (now or self._clock_s() - self._told_s >= TOLD_S) and self._others.total():
            self._audit.note(f"{self._word}s", "unknown", **{key: n for key, n in sorted(self._others.items()) if n})
            self._others.clear()
            self._told_s = self._clock_s()
