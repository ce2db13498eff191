"""GridSentinel beside other programs that read the same registers: `make bench-peers`, or compare.py [--quick].

Every program reads the same devices (libmodbus) and publishes to the same broker (Mosquitto), one after the other, so a
figure of one run can be set beside another of it. docs/benchmarks.md says how, and what is unfair.
"""

import argparse
import json
import sys
import textwrap
import time
from collections.abc import Sequence
from pathlib import Path

import machine
from peers import measure, scenario
from peers.loops import Loop
from peers.nodered import NodeRed
from peers.ours import GridSentinel
from peers.program import Program
from peers.thingsboard import ThingsBoard
from table import Section, Target

BASE, OURS, PEER = "libmodbus (C)", "GridSentinel", "ThingsBoard"
PROGRAMS: Sequence[Program] = (
    Loop(BASE, "libmodbus", "modbus_read_registers in one thread, on time, values thrown away: the physical base"),
    Loop("bare asyncio", "asyncio", "one protocol class a device, the answer's bytes counted and thrown away"),
    Loop("bare pymodbus", "pymodbus", "AsyncModbusTcpClient of the version GridSentinel has, values thrown away"),
    GridSentinel(OURS, window_s=10),
    GridSentinel("window of 1 s", window_s=1),
    ThingsBoard(),
    NodeRed(),
)
CPU, RSS, SUBSCRIBER = "CPU, us a delivered reading", "RSS, MB", "subscriber in C, us CPU a reading"
LEGEND = "user and system time of the program and its children; a reading counts when it reached the subscriber"
LONG_S = 30
"""At least so long where a poll comes every 10 s."""


def main() -> None:
    """Measure and print."""
    arguments = _arguments()
    began, about = time.monotonic(), machine.about()
    about["seconds"] = f"{arguments.seconds} measured of each, in whole windows of 10"
    print("\n".join(f"{key:<15}{value}" for key, value in about.items()), flush=True)
    scenarios = [each for each in scenario.ALL if any(word in each.name for word in arguments.only)]
    programs = [each for each in PROGRAMS if any(word in each.name for word in arguments.programs)]
    settings = {program.name: program.note for program in programs}
    notes, sections = [], []
    for each in scenarios:
        section = Section(each.name, [program.name for program in programs], LEGEND)
        for program in programs:
            print(f"{time.monotonic() - began:5.0f} s  {each.name}: {program.name}", file=sys.stderr, flush=True)
            why = _one(program, each, section, seconds=arguments.seconds)
            notes += [f"{each.name}, {program.name}: {why}"] if why else []
        _ratios(section)
        sections.append(section)
        print("", *section.lines(), sep="\n", flush=True)
        if arguments.json:  # anew after each scenario: a run that is ended keeps what it has
            table = {each.title: each.plain() for each in sections}
            text = json.dumps({"machine": about, "settings": settings, "failed": notes, **table}, indent=2)
            arguments.json.write_text(text + "\n")
    _tell("What did not run", notes)
    _tell("Settings", [f"{name}: {note}." for name, note in settings.items()])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="10,000 readings/s only, 10 s each, about 2 minutes")
    parser.add_argument("--seconds", type=int, default=20, help="measured of each, rounded up to tens (default 20)")
    parser.add_argument("--only", nargs="*", default=[""], help="scenarios whose name contains one of these")
    parser.add_argument("--programs", nargs="*", default=[""], help="programs whose name contains one of these")
    parser.add_argument("--json", type=Path, help="the whole table as JSON into this file as well")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.only, arguments.seconds = [scenario.MAIN.name], measure.WINDOW_S
    arguments.seconds = -(-arguments.seconds // measure.WINDOW_S) * measure.WINDOW_S
    return arguments


def _one(program: Program, each: scenario.Scenario, section: Section, *, seconds: int) -> str | None:
    """Measure one program; return why there are no figures, None when there are."""
    if (why := program.missing()) is not None:
        return why
    try:
        figures = measure.measure(program, each, seconds=seconds if each.every_s == 1 else max(seconds, LONG_S))
    except measure.Died as died:
        return str(died)
    for figure, value in figures.items():
        section.add(figure, program.name, value)
    return None


def _ratios(section: Section) -> None:
    """Add what follows from the figures, and the targets where they are set."""
    cpu, rss = section.figures.get(CPU, {}), section.figures.get(RSS, {})
    for name, value in cpu.items():
        if BASE in cpu:
            section.add("CPU a reading, times libmodbus", name, value / cpu[BASE])
        if name in section.figures.get(SUBSCRIBER, {}) and BASE in cpu:
            least = cpu[BASE] + section.figures[SUBSCRIBER][name]
            section.add("the same, times libmodbus + subscriber", name, value / least)
        if OURS in cpu:
            section.add("CPU a reading, times GridSentinel", name, value / cpu[OURS])
    for name, value in rss.items():
        if OURS in rss:
            section.add("RSS, times GridSentinel", name, value / rss[OURS])
    if section.title == scenario.MAIN.name:
        section.targets = {
            "CPU a reading, times GridSentinel": Target(f"{PEER} at least 20", lambda times: times >= 20, PEER),
            "RSS, times GridSentinel": Target(f"{PEER} at least 2", lambda times: times >= 2, PEER),
            "the same, times libmodbus + subscriber": Target("at most 3, the stretch", lambda times: times <= 3, OURS),
        }
        section.targets = {figure: target for figure, target in section.targets.items() if figure in section.figures}


def _tell(title: str, paragraphs: Sequence[str]) -> None:
    """Print paragraphs below a title, nothing without paragraphs."""
    if paragraphs:
        print("", title, sep="\n")
    for paragraph in paragraphs:
        print(textwrap.fill(paragraph, 116, initial_indent="  ", subsequent_indent="    "))


if __name__ == "__main__":
    main()
