"""Attacks shown one after the other: what a stranger does, and the alarms as they arrive at the broker."""

import signal
from asyncio import CancelledError, current_task, get_running_loop
from collections.abc import Sequence
from typing import Final

import structlog
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gateway.demo.attacked import Attempt, attacked, attempt
from gateway.demo.stage import Heard, Stage
from gateway.demo.view import SEVERITY
from gateway.evidence.shelf import FOLDER
from gateway.evidence.witness import FILES
from simulator.attacks.attack import Attack
from simulator.attacks.ground import STATION, Ground
from simulator.attacks.menu import MENU

FEW: Final = (
    "new_host",
    "arp_scan",
    "modbus_write",
    "modbus_function_scan",
    "dnp3_cold_restart",
    "mms_control",
    "iec104_switch",
    "opcua_guess",
    "goose_st_jump",
    "arp_man_in_the_middle",
    "syn_flood",
    "wrong_unit",
    "other_firmware",
)
"""One of each kind, none of which takes long."""
LINGER_S: Final = 1.0
"""What follows the first alarm so soon is shown with it."""
TEXT_MAX: Final = 110


def chosen(names: str) -> Sequence[Attack]:
    """Return the attacks of a list with commas; `all` are all, nothing is a few.

    Raises:
        KeyError: there is no such attack.
    """
    words = FEW if not names else tuple(MENU) if names == "all" else tuple(each.strip() for each in names.split(","))
    return [MENU[word]() for word in words]


async def show(attacks: Sequence[Attack], console: Console) -> int:
    """Carry them out; return 0 if every check that had to notice one did."""
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    task = current_task()
    assert task is not None
    for order in (signal.SIGINT, signal.SIGTERM):
        get_running_loop().add_signal_handler(order, task.cancel)
    console.print(
        "setting up: a substation and its relays, two HMIs, a broker, the gateway with a tap on their hub ..."
    )
    try:
        async with attacked() as (stage, ground):
            said = _before(stage, console)
            made = [await _shown(stage, ground, attack, console) for attack in attacks]
    except CancelledError:
        console.print("ended")
        return 1
    except (OSError, TimeoutError) as error:
        console.print(f"[bold red]it could not be set up:[/] {error}")
        return 1
    console.print(summary(made))
    missed = sum(bool(each.missed) for each in made)
    done = f"{len(made) - missed} of {len(made)} attacks raised all the alarms that they must"
    console.print(f"[bold {'red' if missed or said else 'green'}]{done}; {said} alarms before the first[/]")
    return 1 if missed or said else 0


def _before(stage: Stage, console: Console) -> int:
    """Say what was said before anybody attacked: nothing."""
    said = [alarm for _, alarm in stage.heard if alarm["detector"] == "cyber"]
    console.print(f"the gateway has learned who belongs here, in {stage.seconds:.0f} s, and says nothing of it")
    for alarm in said:
        console.print(f"  [red]but:[/] {alarm['kind']}: {alarm['text']}", highlight=False)
    return len(said)


async def _shown(stage: Stage, ground: Ground, attack: Attack, console: Console) -> Attempt:
    console.print(f"\n[bold]{attack.NAME}[/]: {attack.text}", highlight=False, soft_wrap=True)

    def tell(heard: Heard) -> None:
        console.print(_line(heard), soft_wrap=True)

    made = await attempt(stage, ground, attack, linger_s=LINGER_S, tell=tell)
    for kind in made.missed:
        console.print(f"    [bold red]no alarm of {kind}[/]")
    shown = ground.shown.get(ground.hmis[attack.WHOM % len(ground.hmis)].address, ())
    if attack.NAME == "arp_man_in_the_middle" and shown:
        values = ", ".join(map(str, shown[:3]))
        console.print(f"    the HMI shows {values} ... for what {STATION} measures", highlight=False)
    return made


def _line(heard: Heard) -> Text:
    _, alarm = heard
    exhibit = alarm["evidence"].get(FILES, "")
    where = f"  {FOLDER}/{exhibit}" if exhibit else ""
    text = alarm["text"] if len(alarm["text"]) <= TEXT_MAX else alarm["text"][: TEXT_MAX - 1] + "…"
    style = SEVERITY[alarm["severity"]]
    return Text.assemble(
        "    ", (f"{alarm['severity']:8} {alarm['kind']}", style), f" {alarm['technique']}  {text}", (where, "dim")
    )


def summary(made: Sequence[Attempt]) -> Table:
    """Return a table: which attack raised which alarm, and how soon."""
    table = Table(title="from the attack to the alarm at the broker", title_justify="left")
    for heading in ("attack", "alarm", "technique", "seconds"):
        table.add_column(heading, justify="right" if heading == "seconds" else "left")
    for each in made:
        for kind in each.truth.kinds:
            heard = each.alarms.get(kind)
            row = (heard[1]["technique"], f"{each.after_s(kind):.1f}") if heard else ("", "[bold red]missed[/]")
            table.add_row(each.truth.do, kind, *row)
    return table
