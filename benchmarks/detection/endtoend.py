"""The simulated substation through the whole pipeline, as config/demo.yaml has it: what is found, what is made up.

    python benchmarks/detection/endtoend.py [--only sensors,day] [--days 3] [--learn-h 24] [--seeds 1,2] [--keep FILE]

The checks first learn on an ordinary day with switching, load steps and taps. A night and a morning without anything
follow; each scenario begins at its hour of that day, with what was learned: states and alarms go through the bytes that
a restarted daemon reads. `day` is another ordinary day after the first; several of them follow each other. Of each
further seed, another load and other noise, there is the first day alone, on which nothing is learned before: false
alarms count there, too. Truth and scores: `simulator.truth` and `scored`.
"""

import argparse
import copy
import pickle
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from line import Line
from scored import NS, SETTLE_NS, Raised, Raising, Verdict, judge, lines
from simulated import MIDNIGHT_NS, Poll, config, points_of

from detectors.config import build
from gateway.core.messages import Alarm
from gateway.core.pipeline import Pipeline
from gateway.core.state import marks, pack, unpack
from protocols.points import Points
from simulator import scenario as scenarios
from simulator.grid import Grid
from simulator.load import DAY_S
from simulator.play import Play
from simulator.scenario import Scenario, parse
from simulator.truth import truths

FAULTS = ("assets", "cyber-data", "sensors", "wiring", "disturbances")
"""Scenarios in which something is to be found, by their hour."""
ORDINARY = "day"
PHYSICS = ("inconsistent", "imbalance", "unbalance")
"""Kinds of finding that equations give, and that must come within two scans."""
GRADUAL = ("sensor_drift", "slow_injection", "stuck_sensor", "sensor_noise", "replay", "overload")
"""Steps that grow, or that begin with the values of a moment ago: no equation fails at once."""
WINDOW_S = 60
SCANS = 2


@dataclass(frozen=True)
class Moment:
    """Where a run stands: the grid, and what a daemon keeps over a restart."""

    grid: Grid
    state: bytes
    alarms: tuple[Alarm, ...]


@dataclass
class Spent:
    """Processor time in seconds, and how much was simulated by it."""

    grid_s: float = 0.0
    checks_s: float = 0.0
    simulated_s: int = 0


class Runner:
    """Plays scenarios from one moment to another, through a pipeline of its own each time."""

    def __init__(self) -> None:
        self._config = config()
        self.points = points_of(self._config)
        self.spent = Spent()

    def first(self, seed: int) -> Moment:
        """Return the beginning: midnight, nothing learned."""
        return Moment(Grid(seed, 0.0, spread=True), _packed(self.points, self._pipeline()), ())

    def run(self, start: Moment, scenario: Scenario, seconds: int) -> tuple[list[Raised], Moment]:
        """Return the alarms that `scenario` raised within `seconds` after `start`, and where it ended."""
        play = Play(scenario, grid=copy.deepcopy(start.grid))
        pipeline, poll = self._pipeline(), Poll(self.points)
        refused = pipeline.restore(unpack(marks(self.points), BytesIO(start.state))[0])
        assert not refused, refused
        raising = Raising(start.alarms)
        pipeline.resume(start.alarms, _now_ns(play.grid))
        for second in range(1, seconds + 1):
            began = time.process_time()
            play.to(second)
            fed = list(poll.read(play.grid, play.conducts))
            middle = time.process_time()
            for seen in fed:
                pipeline.observe(seen)
                raising.look(pipeline.alarms, _now_ns(play.grid))
            self.spent.grid_s += middle - began
            self.spent.checks_s += time.process_time() - middle
        self.spent.simulated_s += seconds
        return raising.raised, Moment(play.grid, _packed(self.points, pipeline), tuple(pipeline.alarms))

    def _pipeline(self) -> Pipeline:
        return Pipeline(self.points, build(self._config.detectors, self.points), WINDOW_S)


def score(runner: Runner, start: Moment, scenario: Scenario) -> tuple[list[Verdict], list[Raised], Moment]:
    """Return what was made of each step of `scenario`, the false alarms, and where it ended."""
    last_s = max(step.end_s for step in scenario.steps) + SETTLE_NS / NS
    seconds = int(DAY_S if scenario.name == ORDINARY else last_s)
    raised, end = runner.run(start, scenario, seconds)
    verdicts, false = judge(truths(scenario, _now_ns(start.grid)), raised)
    return verdicts, false, end


def learn(runner: Runner, seed: int, hours: float) -> tuple[list[Raised], Moment]:
    """Return the false alarms of an ordinary day of which the checks have seen the last `hours`, and its midnight."""
    ordinary = scenarios.load(ORDINARY)
    start = runner.first(seed)
    start.grid.advance((DAY_S - hours * 3600) % DAY_S)
    rest = _later(ordinary, start.grid.time_s)
    raised, moment = runner.run(start, rest, int(DAY_S - start.grid.time_s))
    return judge(truths(rest, _now_ns(start.grid)), raised)[1], moment


def faults(runner: Runner, midnight: Moment, names: Sequence[str]) -> Iterator[tuple[str, list[Verdict], list[Raised]]]:
    """Yield of each scenario its verdicts and false alarms; the hours between them are ordinary, and count as ''."""
    moment, quiet = midnight, parse("name: quiet", "quiet")
    for scenario in sorted(map(scenarios.load, names), key=lambda each: each.start_s):
        wait_s = int(scenario.start_s - moment.grid.time_s % DAY_S)
        if wait_s:
            raised, moment = runner.run(moment, quiet, wait_s)
            yield "", *judge((), raised)
        verdicts, false, _ = score(runner, moment, scenario)
        yield scenario.name, verdicts, false


def measure(_folder: Path) -> Sequence[Line]:
    """Learn one day, play every scenario, then an ordinary day; then the first days of further seeds."""
    names, seeds = (*FAULTS, ORDINARY), (1, 2, 3)
    return list(_measured(Runner(), learned=None, names=names, days=1, seeds=seeds, told=lambda _: None))


def _measured(runner, *, learned, names, days, seeds, told, learn_h=24.0) -> Iterator[Line]:
    if learned is None:
        false, learned = learn(runner, seeds[0], learn_h)
        yield _false(f"the first {learn_h:g} h, seed {seeds[0]}", false, told)
    verdicts: list[Verdict] = []
    quiet: list[Raised] = []
    for name, found, false in faults(runner, learned, [name for name in names if name in FAULTS]):
        told("\n".join([f"\n{name or 'quiet hours'}", *lines(found), *(f"  FALSE {each.text}" for each in false)]))
        verdicts += found
        quiet += false
        if wanted := [verdict for verdict in found if verdict.truth.kinds]:
            yield _found(f"{name}: right kind, right point", wanted)
    if wanted := [verdict for verdict in verdicts if verdict.truth.kinds]:
        yield from _recall(wanted)
        yield Line("false warnings between and after the steps", str(len(quiet)), "")
    if ORDINARY in names:
        moment = learned
        for day in range(days):
            _, false, moment = score(runner, moment, scenarios.load(ORDINARY))
            yield _false(f"day {day + 2}, seed {seeds[0]}", false, told)
        for seed in seeds[1:]:
            yield _false(f"the first {learn_h:g} h, seed {seed}", learn(runner, seed, learn_h)[0], told)
    spent = runner.spent
    per_day = DAY_S / spent.simulated_s
    yield Line(
        "CPU of a simulated day, grid and checks", f"{spent.grid_s * per_day:.0f} + {spent.checks_s * per_day:.0f} s"
    )


def _false(when: str, false: Sequence[Raised], told: Callable[[str], None]) -> Line:
    told("\n".join([f"\nan ordinary day: {when}", *(f"  FALSE {_clock(each)} {each.text}" for each in false)]))
    return Line(f"false warnings, {when}", str(len(false)), "at most 1", met=len(false) <= 1)


def _found(what: str, wanted: Sequence[Verdict]) -> Line:
    missed = ", ".join(sorted({verdict.truth.do for verdict in wanted if not verdict.found}))
    found = sum(verdict.found for verdict in wanted)
    return Line(what, f"{found} of {len(wanted)}" + (f", not {missed}" if missed else ""), "all", met=not missed)


def _recall(wanted: Sequence[Verdict]) -> Iterator[Line]:
    yield _found("all steps: right kind, right point", wanted)
    found = [verdict for verdict in wanted if verdict.found]
    named = sum(verdict.named for verdict in found)
    yield Line(
        "first alarm names a point of the step", f"{named} of {len(found)}", "90 %", met=named >= 0.9 * len(found)
    )
    physics = [scans for verdict in found if (scans := _physics_scans(verdict)) is not None]
    if physics:
        late = sum(scans > SCANS for scans in physics)
        counted = f"{late} of {len(physics)} (median {np.median(physics):g}, most {max(physics)} scans)"
        yield Line(f"physics: later than {SCANS} scans", counted, "none", met=not late)


def _physics_scans(verdict: Verdict) -> int | None:
    """Return the scans to the first alarm of physics, of a step that is there at once and whole."""
    if verdict.truth.do in GRADUAL:
        return None
    first = next((each for each in verdict.right if each.alarm.kind in PHYSICS), None)
    return first and round((first.time_ns - verdict.truth.begin_ns) / NS) + 1


def _later(scenario: Scenario, by_s: float) -> Scenario:
    """Return the scenario from `by_s` on: what has begun before is left out."""
    steps = [{**_plain(step), "at_s": step.at_s - by_s} for step in scenario.steps if step.at_s >= by_s]
    return parse(repr({"name": scenario.name, "steps": steps}), scenario.name)


def _plain(step: object) -> dict[str, object]:
    return {name: getattr(step, name) for name in step.__dataclass_fields__ if name != "FINDS"}


def _packed(points: Points, pipeline: Pipeline) -> bytes:
    return b"".join(pack(marks(points), pipeline.states()))


def _now_ns(grid: Grid) -> int:
    return MIDNIGHT_NS + round(grid.time_s * NS)


def _clock(raised: Raised) -> str:
    minutes = (raised.time_ns - MIDNIGHT_NS) // (60 * NS) % 1440
    return f"{minutes // 60:02}:{minutes % 60:02}"


def main() -> int:
    """Print a line for each step, then the table; return 1 when a target was missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join((*FAULTS, ORDINARY)), help="scenarios, with commas")
    parser.add_argument("--days", type=int, default=2, help="ordinary days for false alarms")
    parser.add_argument("--learn-h", type=float, default=24, help="hours of learning")
    parser.add_argument("--seeds", default="1", help="of the first all is played, of others the first day: %(default)s")
    parser.add_argument("--keep", type=Path, help="file that keeps what was learned, and is read when it is there")
    args = parser.parse_args()
    runner = Runner()
    found = _measured(
        runner,
        learned=_kept(args.keep, runner, int(args.seeds.split(",")[0]), args.learn_h),
        names=args.only.split(","),
        days=args.days,
        seeds=[int(seed) for seed in args.seeds.split(",")],
        told=lambda text: print(text, flush=True),
        learn_h=args.learn_h,
    )
    table = list(found)
    print()
    for line in table:
        print(f"  {line.what:44} {line.measured:34} {line.target:12} {'MISSED' if line.met is False else ''}")
    return int(any(line.met is False for line in table))


def _kept(file: Path | None, runner: Runner, seed: int, hours: float) -> Moment | None:
    """Return what `file` keeps of a first day, made where it is not there; None without a file."""
    if file is None:
        return None
    if not file.exists():
        file.write_bytes(pickle.dumps(learn(runner, seed, hours)[1]))
    found: Moment = pickle.loads(file.read_bytes())
    return found


if __name__ == "__main__":
    sys.exit(main())
