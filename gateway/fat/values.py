"""Drives every point through its range, all at once, step by step; then says of each that it is bad."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import partial

from gateway.fat.bench import Bench, close, figure, quality, said
from gateway.fat.heard import Word
from gateway.fat.likely import likely
from gateway.fat.plan import Drive, plan, steps_of
from gateway.fat.row import Row, Verdict, of
from gateway.fat.subject import FLOATS, Subject
from protocols.model import Quality
from simulator.standin.words import Shown

BAD = {
    "dnp3": Quality.INVALID,
    "iec61850": Quality.INVALID,
    "opcua": Quality.INVALID | Quality.FAILURE,
    "modbus": Quality.INVALID,
}
"""What is told of a point that is offline, invalid, BadSensorFailure, and no number."""
CLOCK_S = 1.5
"""By how much the time of a change may lie outside of what was seen here; the times of some protocols are coarse."""
NS = 1_000_000_000


class Ranges:
    """Values of all points. `found` is how each test of each point ended: expected, seen, whether well, remark."""

    def __init__(self, bench: Bench, subjects: Sequence[Subject]) -> None:
        self._bench = bench
        self._subjects = [subject for subject in subjects if not subject.why_not]
        self._plan = plan(subjects)
        self._found: defaultdict[str, dict[str, Row]] = defaultdict(dict)
        self._shown_ns = 0

    @property
    def steps(self) -> int:
        """How many steps there are."""
        return steps_of(self._plan)

    async def run(self) -> None:
        """Go through all steps, and enter their results."""
        for step in range(self.steps):
            self._bench.tell(f"values, step {step + 1} of {self.steps}")
            drives = {subject.name: self._plan[subject.name][step] for subject in self._subjects}
            self._shown_ns = await self._bench.show({name: Shown(drive.value) for name, drive in drives.items()})
            await self._bench.settle(self._subjects, partial(_driven, drives))
            self._judge(drives)
        for subject in self._subjects:
            self._bench.rows.extend(self._found[subject.name].values())

    def _judge(self, drives: Mapping[str, Drive]) -> None:
        driven = {subject.name: (subject, drives[subject.name].value) for subject in self._subjects}
        for subject in self._subjects:
            drive, word = drives[subject.name], self._bench.word(subject)
            remark = ""
            well = _well(subject, word, drive)
            if not well and word is not None:
                remark = likely(subject, word.value, drive.value, driven)
            self._enter(subject, drive.test, figure(subject, drive.value), word, remark, well=well)
            if well and subject.is_state:
                self._time(subject, word)

    def _time(self, subject: Subject, word: Word | None) -> None:
        """Check when a state says that it changed, if it did in this step."""
        if word is None or word.heard_ns < self._shown_ns or not word.time_ns:
            return
        late_ns = max(self._shown_ns - CLOCK_S * NS - word.time_ns, word.time_ns - word.heard_ns - CLOCK_S * NS)
        off_s = (word.time_ns - self._shown_ns) / NS
        self._enter(subject, "time of change", "when it was", None, "", well=late_ns <= 0, seen=f"{off_s:+.2f} s")

    def _enter(
        self, subject: Subject, test: str, expected: str, word: Word | None, remark: str, *, well: bool, seen: str = ""
    ) -> None:
        """Enter a result; the first failure of a test stays."""
        found = self._found[subject.name]
        if test not in found or found[test].verdict is Verdict.PASS:
            verdict = Verdict.PASS if well else Verdict.FAIL
            found[test] = of(subject, test, expected, seen or said(subject, word), verdict, remark)


def _driven(drives: Mapping[str, Drive], subject: Subject, word: Word | None) -> bool:
    return _well(subject, word, drives[subject.name])


def _well(subject: Subject, word: Word | None, drive: Drive) -> bool:
    return word is not None and close(subject, word.value, drive.value) and word.quality == drive.quality


async def at_rest(bench: Bench, subjects: Sequence[Subject]) -> None:
    """Let every point show what it shows while nothing is done to it, and wait until that is told."""
    subjects = [subject for subject in subjects if not subject.why_not]
    rest = {subject.name: Drive("", subject.at_rest) for subject in subjects}
    await bench.show({name: Shown(drive.value) for name, drive in rest.items()})
    await bench.settle(subjects, partial(_driven, rest))


async def qualities(bench: Bench, subjects: Sequence[Subject], protocol_of: Mapping[str, str]) -> None:
    """Let every point whose protocol has a quality, or no numbers, be bad, and good again."""
    able = [
        subject for subject in subjects if not subject.why_not and has_quality(subject, protocol_of[subject.device])
    ]
    if not able:
        return
    bench.tell(f"quality of {len(able)} points")
    rest = {subject.name: Drive("", subject.at_rest) for subject in able}
    flags = {subject.name: int(BAD[protocol_of[subject.device]]) for subject in able}
    await bench.show({name: Shown(drive.value, good=False) for name, drive in rest.items()})

    def is_bad(subject: Subject, word: Word | None) -> bool:
        return word is not None and word.quality == flags[subject.name]

    await bench.settle(able, is_bad)
    for subject in able:
        _enter(bench, subject, "quality bad", quality(flags[subject.name]), well=is_bad(subject, bench.word(subject)))

    await bench.show({name: Shown(drive.value) for name, drive in rest.items()})
    await bench.settle(able, partial(_driven, rest))
    for subject in able:
        _enter(bench, subject, "quality good again", quality(0), well=_driven(rest, subject, bench.word(subject)))


def has_quality(subject: Subject, protocol: str) -> bool:
    """Whether it can be told that a point is bad: Modbus has no quality, but floats that are no number."""
    if protocol == "modbus":
        return subject.kind in FLOATS
    if protocol == "iec61850":
        return subject.address.endswith(("[ST]", "[MX]"))
    return True


def _enter(bench: Bench, subject: Subject, test: str, expected: str, *, well: bool) -> None:
    word = bench.word(subject)
    seen = said(subject, word)
    bench.rows.append(of(subject, test, expected, seen, Verdict.PASS if well else Verdict.FAIL))
