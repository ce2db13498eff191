"""The test bench: the copy that is driven, what is heard, and the rows that come of it."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence

from gateway.fat.heard import Heard, Word
from gateway.fat.row import Row
from gateway.fat.subject import Subject
from protocols.model import Quality
from simulator.standin.copy import Copy
from simulator.standin.words import Shown

SETTLED_S = 1.0
"""What is said of a point so long after it must have come is the last word."""
GATHER_S = 0.2
"""What is to be shown within so long is shown at once."""
FLOAT_DIGITS, DIGITS = 7, 9
NS = 1_000_000_000


class Bench:
    """What the tests work with. `unwell` are points of which a step failed: nobody waits for them with patience.

    `patience_s` is how much longer than it should anything may take, on a machine that has other things to do.
    """

    def __init__(
        self, copy: Copy, heard: Heard, *, window_s: float, patience_s: float, tell: Callable[[str], None]
    ) -> None:
        self.copy, self.heard, self.tell = copy, heard, tell
        self.window_s, self.patience_s = window_s, patience_s
        self.rows: list[Row] = []
        self.unwell: set[str] = set()
        self._waiting: dict[str, Shown] = {}
        self._flush: asyncio.Task[int] | None = None
        self._showing = asyncio.Lock()

    async def show(self, values: Mapping[str, Shown]) -> int:
        """Let points show values, those of many callers at once; return when that was, in ns since 1970."""
        self._waiting.update(values)
        if self._flush is None:
            self._flush = asyncio.create_task(self._show(), name="fat:show")
        return await asyncio.shield(self._flush)

    async def _show(self) -> int:
        await asyncio.sleep(GATHER_S)
        waiting, self._waiting, self._flush = self._waiting, {}, None
        async with self._showing:
            now_ns = time.time_ns()
            await self.copy.show(waiting)
        return now_ns

    def latency_s(self, subjects: Sequence[Subject]) -> float:
        """Return how long it takes at most until a change of any of `subjects` is told."""
        return max((subject.latency_s for subject in subjects), default=0.0) + self.window_s + SETTLED_S

    async def settle(self, subjects: Sequence[Subject], wanted: Callable[[Subject, Word | None], bool]) -> None:
        """Wait until what is said of each of `subjects` is `wanted`: the usual time, and then with patience."""
        loop = asyncio.get_running_loop()
        began, usual_s = loop.time(), self.latency_s(subjects)
        open_ = [subject for subject in subjects if not wanted(subject, self.word(subject))]
        while (now_s := loop.time() - began) < usual_s + self.patience_s:
            open_ = [subject for subject in open_ if not wanted(subject, self.word(subject))]
            if now_s >= usual_s and all(subject.name in self.unwell for subject in open_):
                break
            if not open_ and now_s >= self._least_s(subjects):
                break
            await self.heard.news(min(0.25, usual_s))
        self.unwell.update(subject.name for subject in open_)

    def word(self, subject: Subject) -> Word | None:
        """Return the last word about a point."""
        if subject.is_state and subject.name in self.heard.changes:
            return self.heard.changes[subject.name]
        return self.heard.points.get(subject.name)

    def _least_s(self, subjects: Sequence[Subject]) -> float:
        """Return how long a state that stays must be looked at: as long as a wrong change of it may take."""
        return max((subject.latency_s for subject in subjects if subject.is_state), default=0.0) + SETTLED_S


def close(subject: Subject, value: float | None, expected: float) -> bool:
    """Whether a value is the expected one, within what the wire may lose."""
    return value is not None and abs(value - expected) <= subject.tolerance(expected)


def said(subject: Subject, word: Word | None) -> str:
    """Return a word for people."""
    if word is None:
        return "nothing"
    value = "no value" if word.value is None else figure(subject, word.value)
    return value if not word.quality else f"{value}, {quality(word.quality)}"


def figure(subject: Subject, value: float) -> str:
    """Return a value with its unit, to as many digits as 32 bits tell."""
    digits = FLOAT_DIGITS if subject.kind == "float32" else DIGITS
    return f"{value:.{digits}g} {subject.point.unit}".rstrip()


def quality(flags: int) -> str:
    """Return the flags of a quality by their names in docs/mqtt.md."""
    names = [str(flag.name).lower() for flag in Quality if flag and flags & flag]
    return f"quality {flags} ({', '.join(names)})" if names else "quality 0 (good)"
