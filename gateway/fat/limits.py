"""Drives every point across each of its limits and back, and looks for the alarm, its delays, and its hysteresis.

All points at once, each at its own pace: just inside (no alarm may come), just beyond (it must, not before its delay),
within the hysteresis (it must stay), and back (it must return, not before its delay).
"""

import asyncio
from collections.abc import Sequence

from gateway.fat.bench import NS, SETTLED_S, Bench, close, figure
from gateway.fat.crossing import LEVELS, Crossing, crossings
from gateway.fat.heard import instant
from gateway.fat.host import Message
from gateway.fat.row import Verdict, of
from gateway.fat.subject import Subject
from protocols.point import Limits
from simulator.standin.words import Shown

EARLY_S = 0.02
"""Times in messages are whole milliseconds; a delay may look so much shorter."""


class LimitsOf:
    """The limits of one point."""

    def __init__(self, bench: Bench, subject: Subject) -> None:
        assert isinstance(subject.point.limits, Limits)
        self._bench, self._subject, self._limits = bench, subject, subject.point.limits
        self._latency_s = bench.latency_s([subject])

    async def run(self) -> None:
        """Try each limit, from rest, one after the other."""
        found, impossible = crossings(self._subject)
        for level, why in impossible.items():
            self._enter(f"limit {_word(level)}", "an alarm", "", Verdict.NOT_TESTED, why)
        for crossing in found:
            await self._try(crossing)
            await self._show(self._subject.at_rest)

    async def _try(self, crossing: Crossing) -> None:
        limit = figure(self._subject, crossing.limit)
        title = f"{_word(crossing.level)} {limit}"
        begun_ns = await self._hold(crossing.inside, self._limits.on_delay_s)
        none = self._bench.heard.said(self._id(crossing), active=True, since_ns=begun_ns) is None
        self._note(
            f"{title}: inside",
            f"no alarm at {figure(self._subject, crossing.inside)}",
            "none" if none else "alarm",
            well=none,
        )
        if not await self._comes(crossing, title):
            return
        if crossing.held is None:
            why = "there is none" if not self._limits.hysteresis else "it is finer than a digit of the wire"
            if self._limits.hysteresis:
                self._enter(f"{title}: hysteresis", "the alarm stays", "", Verdict.NOT_TESTED, why)
        else:
            begun_ns = await self._hold(crossing.held, self._limits.off_delay_s)
            stays = self._bench.heard.said(self._id(crossing), active=False, since_ns=begun_ns) is None
            self._note(
                f"{title}: hysteresis", f"the alarm stays at {figure(self._subject, crossing.held)}",
                "stays" if stays else "returned", well=stays,
            )  # fmt: skip
        await self._returns(crossing, title)

    async def _comes(self, crossing: Crossing, title: str) -> bool:
        delay_s = self._limits.on_delay_s
        begun_ns = await self._show(crossing.beyond)
        alarm = await self._told(crossing, begun_ns, delay_s, active=True)
        expected = f"{crossing.severity}, at {figure(self._subject, crossing.beyond)}, not before {delay_s:g} s"
        if alarm is None:
            self._note(f"{title}: alarm", expected, "no alarm", well=False)
            return False
        after_s, early = _after(alarm, begun_ns, delay_s)
        wrong = [*self._wrong(alarm, crossing), *early]
        seen = f"{alarm['severity']}, at {figure(self._subject, alarm['value'])}, after {after_s:.2f} s"
        self._note(f"{title}: alarm", expected, seen, well=not wrong, remark="; ".join(wrong) or str(alarm["text"]))
        return True

    async def _returns(self, crossing: Crossing, title: str) -> None:
        delay_s = self._limits.off_delay_s
        begun_ns = await self._show(crossing.back)
        alarm = await self._told(crossing, begun_ns, delay_s, active=False)
        expected = f"returned at {figure(self._subject, crossing.back)}, not before {delay_s:g} s"
        if alarm is None:
            self._note(f"{title}: return", expected, "it is still active", well=False)
            return
        after_s, early = _after(alarm, begun_ns, delay_s)
        wrong = [*([f"its state is {alarm['state']}"] if alarm["state"] != "returned_unacked" else []), *early]
        self._note(f"{title}: return", expected, f"after {after_s:.2f} s", well=not wrong, remark="; ".join(wrong))

    async def _told(self, crossing: Crossing, begun_ns: int, delay_s: float, *, active: bool) -> Message | None:
        """Return the alarm as it is told since then; None if nobody tells it as long as that may take."""
        within_s = delay_s + self._latency_s + self._bench.patience_s
        return await self._bench.heard.alarm(self._id(crossing), active=active, since_ns=begun_ns, within_s=within_s)

    def _wrong(self, alarm: Message, crossing: Crossing) -> list[str]:
        """Return what an alarm says otherwise than it should."""
        subject = self._subject
        should = {
            "state": "active_unacked",
            "severity": crossing.severity,
            "kind": f"limit_{crossing.level}",
            "device": subject.device,
            "points": [subject.point.name],
            "expected": crossing.limit,
        }
        wrong = [f"{key} is {alarm[key]}, not {value}" for key, value in should.items() if alarm[key] != value]
        if not close(subject, alarm["value"], crossing.beyond):
            wrong.append(f"value is {alarm['value']}, not {figure(self._subject, crossing.beyond)}")
        said = alarm["text"]
        if not (said.startswith(subject.name) and _word(crossing.level) in said and f"{crossing.limit:.6g}" in said):
            wrong.append(f"text is '{said}'")
        return wrong

    def _id(self, crossing: Crossing) -> str:
        return f"{self._subject.device}/{self._subject.point.name}/limit_{crossing.level}"

    async def _show(self, value: float) -> int:
        return await self._bench.show({self._subject.name: Shown(value)})

    async def _hold(self, value: float, delay_s: float) -> int:
        """Show a value for longer than a change of state could take; return when that began."""
        begun_ns = await self._show(value)
        await asyncio.sleep(delay_s + self._subject.latency_s + SETTLED_S)
        return begun_ns

    def _note(self, test: str, expected: str, seen: str, *, well: bool, remark: str = "") -> None:
        self._enter(test, expected, seen, Verdict.PASS if well else Verdict.FAIL, remark)

    def _enter(self, test: str, expected: str, seen: str, verdict: Verdict, remark: str) -> None:
        self._bench.rows.append(of(self._subject, test, expected, seen, verdict, remark))


def _after(alarm: Message, begun_ns: int, delay_s: float) -> tuple[float, list[str]]:
    """Return when an alarm came after `begun_ns`, in seconds, and what is wrong about that."""
    after_s = (instant(alarm["last"]) - begun_ns) / NS
    return after_s, ["too early"] if after_s < delay_s - EARLY_S else []


def judged(subjects: Sequence[Subject]) -> list[Subject]:
    """Return the points that have limits to be crossed."""
    return [
        subject
        for subject in subjects
        if not subject.why_not
        and subject.point.limits
        and any(getattr(subject.point.limits, each) is not None for each in LEVELS)
    ]


def duration_s(subject: Subject) -> float:
    """Return how long the limits of a point take, about; seconds."""
    limits = subject.point.limits
    found, _ = crossings(subject)
    on_s, off_s = (limits.on_delay_s, limits.off_delay_s) if limits else (0.0, 0.0)
    hold_s = subject.latency_s + SETTLED_S
    once_s = 2 * (on_s + hold_s) + off_s + hold_s
    return sum(once_s + (off_s + hold_s if crossing.held is not None else 0.0) for crossing in found)


async def limits(bench: Bench, subjects: Sequence[Subject], on: frozenset[str]) -> None:
    """Try the limits of all points that have some; `on` are those that the configuration has judged."""
    chosen = judged(subjects)
    off = [subject for subject in chosen if subject.name not in on]
    for subject in off:
        why = "the check of limits is switched off for it"
        bench.rows.append(of(subject, "limits", "alarms", "", Verdict.NOT_TESTED, why))
    able = [subject for subject in chosen if subject.name in on]
    dead = [subject for subject in able if subject.name in bench.unwell and bench.word(subject) is None]
    for subject in dead:
        bench.rows.append(of(subject, "limits", "alarms", "nothing was ever heard of it", Verdict.FAIL))
    able = [subject for subject in able if subject not in dead]
    if not able:
        return
    await _calm(bench, able)
    longest_s = max(map(duration_s, able))
    bench.tell(f"limits of {len(able)} points, about {longest_s:.0f} s")
    async with asyncio.TaskGroup() as group:
        for subject in able:
            group.create_task(LimitsOf(bench, subject).run(), name=f"fat:limits:{subject.name}")


async def _calm(bench: Bench, subjects: Sequence[Subject]) -> None:
    """Wait until the alarms of the steps before have returned, at most as long as that may take."""
    loop = asyncio.get_running_loop()
    longest_s = max(each.point.limits.off_delay_s for each in subjects if each.point.limits)
    until = loop.time() + longest_s + bench.latency_s(subjects) + bench.patience_s
    ids = [f"{each.device}/{each.point.name}/limit_{level}" for each in subjects for level in LEVELS]
    while loop.time() < until and any(bench.heard.is_active(id_) for id_ in ids):
        await bench.heard.news(0.25)


def _word(level: str) -> str:
    """Return the name of a limit as alarms have it."""
    return level.replace("_", "-")
