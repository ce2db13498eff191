"""An end that does not come: it is told what lives on, and the process ends."""

import signal
import sys

import pytest

HANGING = """
import asyncio
from gateway import keeper
from gateway.cli import main, run

run.END_S = 3.0

async def stays(self):
    while True:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            pass

keeper.Keeper.run = stays
CONDUCT
raise SystemExit(main())
"""
"""The daemon with a task that cannot be cancelled."""
FAULTY = """
from gateway import app

async def faulty(*_):
    raise RuntimeError("a fault of ours")

app.Gateway._replace = faulty
"""
"""A reload fails half way."""


async def test_a_task_that_stays(daemon, device):
    """SIGTERM: the process ends, and names what did not."""
    daemon.write([device.config("d1")])
    await daemon.start((sys.executable, "-c", HANGING.replace("CONDUCT", ""), "run"))
    daemon.send(signal.SIGTERM)

    assert await daemon.ended() == 1
    overdue = next(line for line in daemon.log.splitlines() if "stop_overdue" in line)
    assert '"learned"' in overdue
    assert '"publisher"' not in overdue


@pytest.mark.parametrize("conduct", [FAULTY, HANGING.replace("CONDUCT", FAULTY)], ids=["all end", "one stays"])
async def test_a_fault_in_a_reload(daemon, device, conduct):
    """The daemon ends with an error, for systemd to start it again; it never lives on half."""
    program = (
        conduct if "SystemExit" in conduct else f"from gateway.cli import main\n{conduct}\nraise SystemExit(main())"
    )
    daemon.write([device.config("d1")])
    await daemon.start((sys.executable, "-c", program, "run"))
    daemon.send(signal.SIGHUP)

    assert await daemon.ended() == 1
    assert "a fault of ours" in daemon.log or "stop_overdue" in daemon.log
