"""The demonstration on a terminal: one screen that is drawn anew, or a line now and then where there is none."""

from collections.abc import Iterator
from math import isnan

from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from gateway.demo.stage import Stage
from gateway.demo.voices import AGREEMENT, VOICE, agreed, spread, voices
from protocols.model import Quality
from simulator.configuration import device_name
from simulator.speakers import POLYGLOTS, SPEAKERS

SHOWN = ("t1.oil", "bus1.va", "bus2.va", "feeder1.va", "feeder1.ia", "feeder1.p", "feeder2.ia", "feeder2.cb52")
"""Points that tell the story; those that the configuration does not have are left out."""
SEVERITY = {"info": "cyan", "warning": "yellow", "critical": "red", "emergency": "bold red"}
ALARMS = 6
"""Alarms shown, the newest."""
TWINS = {device_name(word, bay) for word in SPEAKERS for bay in POLYGLOTS} - set(POLYGLOTS)
"""Bays that are polled a second time, by another way: they are shown where their voltages are compared."""
BAR = 30
"""Width of the store's bar, characters."""
MIB = 1024 * 1024


class View:
    """Draws a stage. Remembers the last readings to show their rate."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._rate = 0.0
        self._last = (0.0, 0)

    def screen(self) -> RenderableType:
        """Return the whole screen."""
        self._measure()
        middle = Table.grid(expand=True, padding=(0, 1))
        middle.add_column(ratio=4)
        middle.add_column(ratio=3)
        middle.add_row(Panel(self._devices(), title="devices"), Panel(self._values(), title="values"))
        return Group(
            self._headline(),
            Panel(self._delivery(), title="store and forward"),
            middle,
            Panel(self._voices(), title="one voltage, every protocol"),
            Panel(self._alarms(), title="alarms as they arrived"),
            Panel(self._story(), title="what happens"),
        )

    def line(self) -> str:
        """Return the same in one line, for a log."""
        self._measure()
        stage, stats = self._stage, self._stage.gateway.store.stats
        online = [state["online"] for state in stage.gateway.plant.devices().values()]
        return (
            f"{stage.seconds:5.0f} s  link {'up ' if stage.link.up else 'CUT'}  devices {sum(online)}/{len(online)}"
            f"  {self._rate:5.0f} readings/s  alarms {self._active()}  waiting {_waiting(stats.rows):4d}"
            f"  stored {sum(stats.last.values()):5d}  arrived {stage.ledger.messages:5d}"
        )

    def _measure(self) -> None:
        now, readings = self._stage.seconds, self._stage.gateway.plant.pipeline.readings
        then, before = self._last
        if now - then >= 1.0:
            self._rate, self._last = (readings - before) / (now - then), (now, readings)

    def _active(self) -> int:
        return sum(alarm["active"] for alarm in self._stage.alarms.values())

    def _headline(self) -> RenderableType:
        stage = self._stage
        health = stage.gateway.health()
        link = Text("link to the broker up", "green") if stage.link.up else Text("link to the broker CUT", "bold red")
        return Text.assemble(
            ("GridSentinel demo", "bold"), f"  {stage.seconds:.0f} s  ", link,
            f"  {self._rate:.0f} readings/s  health {health.score} {health.state}  Ctrl-C ends it",
        )  # fmt: skip

    def _devices(self) -> RenderableType:
        table = Table(box=None, expand=True, pad_edge=False)
        for heading in ("device", "state", "polls", "skipped", "answers in"):
            table.add_column(heading)
        states = self._stage.gateway.plant.devices()
        for name, state in ((name, state) for name, state in states.items() if name not in TWINS):
            word = Text("online", "green") if state["online"] else Text("silent", "bold red")
            table.add_row(name, word, str(state["polls"]), str(state["skipped"]), f"{state['answer_ms']:.1f} ms")
        return table

    def _values(self) -> RenderableType:
        table = Table(box=None, expand=True, pad_edge=False)
        table.add_column("point")
        table.add_column("value", justify="right")
        table.add_column("unit")
        for row in self._rows():
            plant = self._stage.gateway.plant
            value, quality = plant.pipeline.image.values[row], Quality(int(plant.pipeline.image.quality[row]))
            style = "dim" if quality else ""
            table.add_row(plant.points.label(row), Text(f"{value:.6g}", style), plant.points.configs[row].unit)
        return table

    def _rows(self) -> Iterator[int]:
        points = self._stage.gateway.plant.points
        labels = {points.label(row): row for row in range(len(points))}
        return (labels[label] for label in SHOWN if label in labels)

    def _voices(self) -> RenderableType:
        table = Table(box=None, expand=True, pad_edge=False)
        table.add_column("point")
        for title in (*(speaker.title for speaker in SPEAKERS.values()), "apart"):
            table.add_column(title, justify="right")
        for bay, told in voices(self._stage.gateway.plant).items():
            cells = (Text("silent", "bold red") if isnan(value) else f"{value:.1f} V" for value in told.values())
            table.add_row(f"{bay}.{VOICE}", *cells, _apart(spread(told)))
        return table

    def _alarms(self) -> RenderableType:
        table = Table(box=None, expand=True, pad_edge=False, show_header=False)
        newest = [alarm for alarm in self._stage.alarms.values() if alarm["state"] != "normal"][-ALARMS:]
        for alarm in reversed(newest):
            style = SEVERITY[alarm["severity"]] if alarm["active"] else "dim"
            state = alarm["state"].replace("_", " ")
            table.add_row(Text(alarm["severity"], style), Text(state, style), Text(alarm["text"], style))
        return table if newest else Text("none", "green")

    def _delivery(self) -> RenderableType:
        stage = self._stage
        stats = stage.gateway.store.stats
        waiting = _waiting(stats.rows)
        bar = Text(
            "█" * min(BAR, waiting) + "·" * (BAR - min(BAR, waiting)), "yellow" if waiting > BAR // 3 else "green"
        )
        numbers = (
            f" {waiting} waiting on disk ({(stats.db_bytes + stats.wal_bytes) / MIB:.2f} MiB),"
            f" {sum(stats.last.values())} stored, {stage.ledger.messages} arrived at the consumer"
            f" ({stage.ledger.duplicates} twice), {stage.ledger.readings} readings told"
        )
        return Text.assemble(bar, numbers)

    def _story(self) -> RenderableType:
        lines = (Text(f"{when:5.0f} s  {what}", overflow="ellipsis", no_wrap=True) for when, what in self._stage.story)
        return Group(*lines) if self._stage.story else Text("it begins")


def _apart(share: float) -> Text:
    if isnan(share):
        return Text("?", "yellow")
    return Text(f"{share:.2%}", "green" if share <= AGREEMENT else "yellow")


def _waiting(rows: object) -> int:
    assert isinstance(rows, dict)
    return sum(rows.values())


def summary(stage: Stage, console: Console) -> bool:
    """Print what was measured and what arrived; return whether that is the same, and the same by every protocol."""
    pipeline, ledger, stats = stage.gateway.plant.pipeline, stage.ledger, stage.gateway.store.stats
    missing, told = stage.missing(), pipeline.good - ledger.readings
    console.print(f"\n{stage.seconds:.0f} s: {pipeline.readings} readings taken, {pipeline.good} of them good")
    console.print(f"  told upstream   {ledger.readings} in summaries ({told} missing)")
    stored = sum(stats.last.values())
    console.print(f"  messages        {stored} stored, {ledger.messages} arrived, {ledger.duplicates} of them twice")
    console.print(f"  sequence        {missing} numbers missing")
    for bay, told_of in stage.compared.items():
        told_by = ", ".join(f"{SPEAKERS[word].title} {value:.1f}" for word, value in told_of.items())
        console.print(f"  {bay}.{VOICE}         {told_by} V ({spread(told_of):.2%} apart)", soft_wrap=True)
    agree = agreed(stage.compared)
    complete = missing == 0 and told == 0
    console.print("[bold green]nothing was lost[/]" if complete else "[bold red]something is missing[/]")
    console.print("[bold green]all protocols agree[/]" if agree else "[bold red]the protocols do not agree[/]")
    return complete and agree
