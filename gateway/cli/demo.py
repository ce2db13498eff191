"""See it all at once: simulated substation, broker and gateway, in this terminal."""

import argparse
import asyncio
import logging
import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from gateway.demo.stage import Stage

CUT_AT_S, CUT_FOR_S = 22.0, 15.0
"""When the link to the broker is taken away, and for how long; again with every round of the scenario."""
DRAW_S = 0.5
"""How often the screen is drawn."""
LINE_S = 5.0
"""How often a line is printed where there is no screen."""
SCENARIO = "demo"
ALONE = ("unshare", "--map-root-user", "--net")
"""Begins a program as root of a network namespace of its own, which needs no root."""
NO_NAMESPACE = """\
the attacks need a network of their own, and this machine gives nobody one (unshare --map-root-user --net failed):
  Debian, Ubuntu     apt install util-linux iproute2
  Ubuntu 24.04       sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0
  older Debian       sudo sysctl -w kernel.unprivileged_userns_clone=1
  a container        docker run --privileged, or --security-opt seccomp=unconfined --cap-add SYS_ADMIN
or run it as root: sudo unshare --net gridsentinel demo --attacks"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("--seconds", type=float, default=0, metavar="N", help="end after N seconds (0: with Ctrl-C)")
    parser.add_argument(
        "--broker", metavar="URL", help="use a real broker, mqtt://HOST:PORT, instead of the embedded one"
    )
    parser.add_argument(
        "--attacks",
        nargs="?",
        const="",
        metavar="NAMES",
        help="attack the substation instead, and show the alarms: a few, 'all', or names with commas between them",
    )


def run(arguments: argparse.Namespace) -> int:
    """Play until the time is over or Ctrl-C; return 0 only if all that was measured also arrived, by every protocol."""
    if arguments.broker and not arguments.broker.startswith("mqtt://"):
        print(f"--broker {arguments.broker} is not mqtt://HOST:PORT", file=sys.stderr)
        return 2
    try:
        from rich.console import Console  # noqa: PLC0415 - extras are imported when they are used

        from gateway.demo.stage import staged  # noqa: F401, PLC0415
    except ModuleNotFoundError as missing:
        print(f"the demo needs {missing.name}: pip install 'gridsentinel[demo]'", file=sys.stderr)
        return 1
    if arguments.attacks is not None:
        return _attacks(arguments.attacks, Console())
    logging.disable(logging.CRITICAL)  # the embedded broker's; the gateway's own story is on the screen
    return asyncio.run(_play(arguments.seconds, arguments.broker, Console()))


def _attacks(names: str, console: "Console") -> int:
    """Carry out attacks in a network of their own; return 0 only if all were noticed."""
    from gateway.demo.show import chosen, show  # noqa: PLC0415
    from simulator.attacks.hosts import possible  # noqa: PLC0415

    try:
        attacks = chosen(names)
    except KeyError as unknown:
        print(f"there is no attack {unknown}; docs/simulator.md has the menu", file=sys.stderr)
        return 2
    if possible():
        logging.disable(logging.CRITICAL)
        return asyncio.run(show(attacks, console))
    tools = all(map(shutil.which, ("ip", ALONE[0])))
    if tools and subprocess.run([*ALONE, "true"], capture_output=True, check=False).returncode == 0:  # noqa: S603 - our words
        again = "from gateway.cli import main; raise SystemExit(main())"
        os.execvp(ALONE[0], (*ALONE, sys.executable, "-c", again, "demo", "--attacks", names))  # noqa: S606 - it is this program
    print(NO_NAMESPACE, file=sys.stderr)
    return 1


async def _play(seconds: float, broker: str | None, console: "Console") -> int:
    import structlog  # noqa: PLC0415

    from gateway.demo.stage import staged  # noqa: PLC0415
    from gateway.demo.view import View, summary  # noqa: PLC0415
    from simulator import scenario  # noqa: PLC0415

    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    stop = asyncio.Event()
    for order in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(order, stop.set)
    console.print("starting the substation, the broker and the gateway ...")
    async with staged(scenario.load(SCENARIO), broker) as stage:
        cutting = asyncio.create_task(outages(stage), name="outages")
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds or None):
                await _show(View(stage), stage, console, stop)
        cutting.cancel()
        await stage.settle()
        console.print("stopping: closing the windows, delivering what is on disk ...")
    return 0 if summary(stage, console) else 1


async def outages(stage: "Stage") -> None:
    """Take the broker away once in every round of the scenario."""
    while True:
        round_s = stage.scenario.repeat_s or CUT_AT_S + 2 * CUT_FOR_S
        await asyncio.sleep(max(0.0, CUT_AT_S - stage.seconds % round_s))
        await stage.link.cut()
        stage.tell(f"the broker is gone for {CUT_FOR_S:.0f} s; polling goes on, the store fills")
        await asyncio.sleep(CUT_FOR_S)
        await stage.link.mend()
        stage.tell("the broker is back; the store empties")
        await asyncio.sleep(round_s - stage.seconds % round_s)


async def _show(view: object, stage: "Stage", console: "Console", stop: asyncio.Event) -> None:
    from rich.live import Live  # noqa: PLC0415

    from gateway.demo.view import View  # noqa: PLC0415

    assert isinstance(view, View)
    if console.is_terminal:
        with Live(console=console, auto_refresh=False, screen=True) as live:
            while not await _over(stop, DRAW_S):
                live.update(view.screen(), refresh=True)
    else:
        told = 0.0
        while not await _over(stop, LINE_S):
            for when, text in [entry for entry in stage.story if entry[0] > told]:
                console.print(f"{when:5.0f} s  {text}", highlight=False, soft_wrap=True)
                told = when
            console.print(view.line(), highlight=False, soft_wrap=True)


async def _over(stop: asyncio.Event, wait_s: float) -> bool:
    with suppress(TimeoutError):
        async with asyncio.timeout(wait_s):
            await stop.wait()
    return stop.is_set()
