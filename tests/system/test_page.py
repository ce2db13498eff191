"""The local page of a real daemon: however much is asked of it, the polls go on."""

import asyncio
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from asking import asked
from ports import free_port

FLOODING = Path(__file__).resolve().parents[1] / "support" / "flooding.py"
FLOOD_S = 8
EVERY_S = 0.1
"""How often the device is polled."""
TOKEN = "a" * 32
BEARER = {"Authorization": f"Bearer {TOKEN}"}


async def skipped(port):
    """Return how many scans were left out so far, once the page is there."""
    async with asyncio.timeout(30):
        while True:
            with suppress(OSError):
                return (await asked(port, "/api/v1/status", headers=BEARER)).json["devices"]["d1"]["skipped"]
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("how", ["pipelined", "anew"])
async def test_a_flood_disturbs_no_poll(daemon, device, tmp_path, how):
    """Ten polls a second go on, a user is answered meanwhile, and the flood has its share of a core and no more."""
    token, port = tmp_path / "anna", free_port()
    token.write_text(TOKEN)
    token.chmod(0o600)
    page = {"listen": f"127.0.0.1:{port}", "users": [{"name": "anna", "token_file": str(token)}]}
    daemon.write([device.config("d1", points=100)], page=page)
    await daemon.start()
    await device.answered(10)
    before, polls, spent_s, began_s = await skipped(port), device.answers[1], daemon.cpu_s(), time.monotonic()
    began_waiting_s = daemon.waited_s()
    command = ("nice", "-n", "19", sys.executable, str(FLOODING), str(port), str(FLOOD_S), how)
    flood = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    await asyncio.sleep(FLOOD_S / 4)
    told = await asked(port, "/api/v1/values", headers=BEARER)
    sent = int((await flood.communicate())[0])
    took_s, polls = time.monotonic() - began_s, device.answers[1] - polls

    assert sent > 100
    assert (told.status, len(told.json["values"])) == (200, 100)
    assert polls > 10
    late_s = daemon.waited_s() - began_waiting_s
    assert await skipped(port) - before <= polls / 20 + late_s / EVERY_S
    assert daemon.cpu_s() - spent_s < 0.4 * took_s
    assert daemon.running
