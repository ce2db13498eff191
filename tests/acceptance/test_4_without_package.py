"""The fourth part: the same Debian after the purge, and the gateway from its source, by pip, as a plain unit.

There is no network; pip finds in a folder what it would fetch.
"""

import shutil
import subprocess
import sys

import pytest
from nspawn import commands
from seen import seen

FOUND = "[global]\nno-index = true\nfind-links = /wheels\n[install]\nno-compile = true\n"
"""The configuration of pip there; it need not compile what is loaded once."""


@pytest.fixture(scope="module")
def source(machine, packages):
    """Put source and wheels into the machine, and return where the source is."""
    wheels = machine.root / "wheels"
    wheels.mkdir()
    fetched = packages.wheels.glob("*.whl")
    subprocess.run(("cp", *fetched, wheels), check=True)
    builds = (sys.executable, "-m", "pip", "--quiet", "download", "--only-binary=:all:", "--dest", wheels, "hatchling")
    subprocess.run(builds, check=True)
    (machine.root / "etc/pip.conf").write_text(FOUND)
    shutil.copytree(packages.source, machine.root / "source", ignore=shutil.ignore_patterns("build"))
    return "/source"


def test_it_runs_from_its_source(machine, source, page):
    """By the commands of the page: the unit is the same, and it is active."""
    for command in commands(page, "Without the package"):
        machine.run(f"cd {source} && {command}")
    state = machine.run(
        "systemctl is-active gridsentinel; systemctl show gridsentinel --property=StatusText,FragmentPath"
    )
    version = machine.run("gridsentinel --version").strip()
    seen(f"{version}: {' '.join(state.split())}")

    assert state.startswith("active\n")
    assert "FragmentPath=/etc/systemd/system/gridsentinel.service" in state
    assert machine.run("gridsentinel status").startswith("operational")


def test_its_wheel_brings_what_it_needs(machine, source):
    """In a fresh environment, with the dependencies that the wheel names, and nothing else."""
    pip = "/opt/gridsentinel/venv/bin/pip --quiet"
    machine.run(f"cd {source} && {pip} wheel --no-deps --wheel-dir /dist .")
    machine.run(f"python3 -m venv --without-pip /fresh && {pip} --python /fresh install /dist/*.whl")
    said = machine.run("/fresh/bin/gridsentinel check /etc/gridsentinel/gateway.yaml")
    seen(said.splitlines()[0])

    assert "0 points" in said or "nothing" in said
