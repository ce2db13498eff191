"""Attacks over real sockets on a hub in a network namespace: simulated devices, a real tap, the daemon, a broker."""

import asyncio
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from detectors.cyber.checks import CHECKS
from gateway.demo.trial import BEFORE
from simulator.attacks.menu import FAMILIES, MENU, table

ROOT = Path(__file__).resolve().parents[2]
DOZEN = (
    "new_connection",
    "arp_scan",
    "modbus_write",
    "modbus_listen_only",
    "modbus_file",
    "dnp3_function_scan",
    "iec104_reset",
    "mms_browse",
    "opcua_guess",
    "goose_st_jump",
    "goose_simulation",
    "arp_man_in_the_middle",
)
"""One of each kind that is noticed within a second or two; the last one leaves new connections behind."""


@pytest.fixture(scope="module")
def _namespaces():
    """A machine that gives nobody a namespace cannot tell."""
    if shutil.which("unshare") is None or shutil.which("ip") is None:
        pytest.skip("no unshare or no ip")
    if subprocess.run(["unshare", "-rn", "true"], capture_output=True, check=False).returncode:
        pytest.skip("no network namespaces here")


async def tried(names, for_s):
    """Try attacks in a network of their own; return what was said before, and of each what was seen and missed."""
    child = await asyncio.create_subprocess_exec(
        *("unshare", "-rn", sys.executable, "-m", "gateway.demo.trial", *names),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    try:
        async with asyncio.timeout(for_s):
            out, error = await child.communicate()
    finally:
        if child.returncode is None:
            child.kill()
    assert child.returncode == 0, error.decode()
    before, *lines = map(json.loads, out.splitlines())
    assert before["do"] == BEFORE
    return before["said"], {line["do"]: line for line in lines}


@pytest.mark.usefixtures("_namespaces")
async def test_a_dozen_attacks_are_noticed():
    """Before the first nothing is said; then every check that an attack names says so, about it."""
    said, made = await tried(DOZEN, 300)

    assert said == []
    assert {name: line["missed"] for name, line in made.items()} == {name: [] for name in DOZEN}
    assert all(line["begin"] <= line["end"] and line["source"] for line in made.values())


@pytest.mark.slow
@pytest.mark.usefixtures("_namespaces")
@pytest.mark.parametrize("family", FAMILIES)
async def test_the_whole_menu_is_noticed(family):
    """Each family meets a gateway that has just learned."""
    names = [each.NAME for each in FAMILIES[family]]
    said, made = await tried(names, 400)

    assert said == []
    assert {name: line["missed"] for name, line in made.items()} == {name: [] for name in names}


def test_there_is_an_attack_for_every_check():
    """No check is on the list that nothing on the menu raises, and no attack names a check that there is not."""
    assert {kind for each in MENU.values() for kind in each.CHECKS} == {check.NAME for check in CHECKS}
    assert sum(map(len, FAMILIES.values())) == len(MENU)


def test_the_menu_is_in_the_documentation():
    """The table of docs/simulator.md is the one that the menu makes."""
    assert table() in (ROOT / "docs/simulator.md").read_text(encoding="utf-8")
