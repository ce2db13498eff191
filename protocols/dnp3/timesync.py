"""Sets the clock of an outstation that asks for the time (IIN 1.4), if ours is itself synchronised (clause 10.3).

On a LAN the outstation notes when a request arrived and is then told when that was sent. Elsewhere the outstation says
how long it took to answer, so that half of the rest of the round trip is what a request takes to arrive.
"""

import asyncio
from collections.abc import Callable, Generator
from typing import Final, Literal, NamedTuple, TypeAlias

from protocols.dnp3.indications import NEED_TIME, REFUSED
from protocols.dnp3.requests import MEASURE_DELAY, RECORD_CURRENT_TIME, Request, write_time
from protocols.driver import Outside

AGAIN_S: Final = 60.0
"""Not more often: a clock that still asks after it was set will not be helped by setting it all the time."""
SET_MS: Final = 10
"""Our clock and the monotonic one differ by more: ours was set."""
NS_PER_MS: Final = 1_000_000

Word = Literal["none", "lan", "nonlan"]
Asking: TypeAlias = Generator[Request, int, int | None]
"""Yields what to ask, is sent the indications of each answer, and returns the last; None if our own clock was set."""


class Delay(NamedTuple):
    """How long an outstation says that it took to answer, and when its answer came: it may be looked at later."""

    ms: int
    arrival_ns: int


class TimeSync:
    """How one outstation gets its time."""

    def __init__(self, word: Word, outside: Outside) -> None:
        self._word, self._outside = word, outside
        self._tried_s: float | None = None
        self._said = ""

    def content(self) -> None:
        """Take note that the outstation has the time."""
        self._said = ""

    def run(self, delay: Callable[[], Delay | None]) -> Generator[Request, int, str | None]:
        """Set the clock if that is allowed and due; return what happened where it is news."""
        now = _now_s()
        if self._word == "none":
            return self._news("it asks for the time (IIN 1.4); time_sync is none")
        if not self._outside.synchronised():
            return self._news("it asks for the time (IIN 1.4); ours is not synchronised, so it gets none")
        if self._tried_s is not None and now - self._tried_s < AGAIN_S:
            return None
        self._tried_s = now
        iin = yield from (self._lan() if self._word == "lan" else self._nonlan(delay))
        if iin is None:
            self._tried_s = None
            return self._news("our own clock was set meanwhile, so it gets the time with the next attempt")
        if iin & (REFUSED | NEED_TIME):
            return self._news(f"it asks for the time, and does not take it (IIN {iin:#06x})")
        self._said = ""
        return "its clock was set"

    def _lan(self) -> Asking:
        sent_ns, sent_s = self._outside.clock(), _now_s()
        iin = yield RECORD_CURRENT_TIME
        if iin & REFUSED:
            return iin
        if self._set_since(sent_ns, sent_s):
            return None
        return (yield write_time(3, sent_ns // NS_PER_MS))

    def _nonlan(self, delay: Callable[[], Delay | None]) -> Asking:
        sent_ns, sent_s = self._outside.clock(), _now_s()
        iin = yield MEASURE_DELAY
        told = delay()
        if iin & REFUSED or told is None:
            return iin | (0 if iin & REFUSED else NEED_TIME)
        if self._set_since(sent_ns, sent_s):
            return None
        travel_ns = max(0, told.arrival_ns - sent_ns - told.ms * NS_PER_MS) // 2
        return (yield write_time(1, (self._outside.clock() + travel_ns) // NS_PER_MS))

    def _set_since(self, sent_ns: int, sent_s: float) -> bool:
        """Return whether our own clock was set since then: what was measured across that is no time."""
        return abs(self._outside.clock() - sent_ns - (_now_s() - sent_s) * 1e9) > SET_MS * NS_PER_MS

    def _news(self, text: str) -> str | None:
        """Return `text` unless it was said last."""
        if text == self._said:
            return None
        self._said = text
        return text


def _now_s() -> float:
    return asyncio.get_running_loop().time()
