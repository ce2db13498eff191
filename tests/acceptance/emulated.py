"""The package for arm64 on a computer that is none: its configuration is checked, it polls, and it ends in order.

QEMU computes the instructions of its processes; kernel and network are those of this computer. No code of Debian for
arm64 runs but the Python: what the package depends on is laid out only. Run by `make emulated`, in minutes.
"""

import asyncio
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from follow import Follow
from releases import RELEASES
from seen import seen
from whole_site import free_port

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".acceptance"
RELEASE = RELEASES["bookworm"]
EMULATOR = "/usr/bin/qemu-aarch64-static"
HERE = ("/bin/sh", "/lib64/ld-linux-x86-64.so.2", "/lib/x86_64-linux-gnu/libc.so.6")
"""Of this computer, for the script in place of Python: the kernel starts no program of arm64 by itself."""
SCRIPT = f"""\
#!/bin/sh
exec {EMULATOR} -0 "$0" /usr/bin/emulated "$@"
"""
FILE = "/etc/gridsentinel/gateway.yaml"
OF_SYSTEMD = ("systemd", "init-system-helpers")
MINUTES_S = 900.0
"""Emulated, on a computer that does much else."""


@pytest.fixture(scope="module")
def root() -> Iterator[Path]:
    """Return the root of the file system that has the package, and what it depends on."""
    folder = CACHE / "emulated"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    build = (sys.executable, "packaging/build.py", "--release", RELEASE.name, "--architecture", "arm64")
    subprocess.run((*build, "--output", str(folder)), check=True, cwd=ROOT)
    (package,) = folder.glob("*.deb")
    needs = subprocess.check_output(("dpkg-deb", "--field", package, "Depends"), text=True).strip().split(", ")
    include = ",".join(each for each in needs if each not in OF_SYSTEMD)
    made = folder / "root"
    layout = ("mmdebstrap", "--quiet", "--mode=root", "--variant=extract", "--architecture=arm64")
    subprocess.run((*layout, f"--include={include}", RELEASE.name, made), check=True)
    subprocess.run(("dpkg-deb", "--extract", package, made), check=True)
    python = made / f"usr/bin/python{RELEASE.python}"
    python.rename(made / "usr/bin/emulated")
    for name in (EMULATOR, *HERE):
        (made / name[1:]).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(name, made / name[1:])
    python.write_text(SCRIPT)
    python.chmod(0o755)
    (made / "var/lib/gridsentinel").mkdir(mode=0o700)
    yield made
    shutil.rmtree(folder)


@pytest.fixture
def device() -> Iterator[dict[str, Any]]:
    """Return the configuration of a device of the simulated substation, which listens."""
    port = free_port()
    simulator = Follow((f"{sys.prefix}/bin/gridsentinel", "simulate", "normal", "--port", str(port)), {})
    point = {"name": "va", "address": "holding:100", "type": "float32", "unit": "V"}
    yield {"name": "feeder1", "protocol": "modbus", "url": f"tcp://127.0.0.1:{port}", "points": [point]}
    simulator.close()


def test_it_is_the_python_of_arm64(root):
    """What runs here is what will run there."""
    assert run(root, "python3", "-c", "import platform; print(platform.machine())") == "aarch64\n"


async def test_it_polls_and_ends_in_order(root, device, mosquitto, subscribe):
    """The broker has what it polled, from the first number on."""
    uplink = {"url": mosquitto.url, "window_s": 1}
    configuration = {"gateway": {"site": "site", "name": "gw1"}, "uplink": uplink, "devices": [device]}
    (root / FILE[1:]).write_text(yaml.safe_dump(configuration))
    heard = subscribe(mosquitto)
    checked = await asyncio.to_thread(run, root, "gridsentinel", "check", FILE)
    gateway = await asyncio.create_subprocess_exec(*inside(root, "gridsentinel", "run", FILE))
    try:
        await heard.until(lambda heard: len(heard.on("/telemetry/")) >= 3, MINUTES_S)
        gateway.terminate()
        code = await gateway.wait()
    finally:
        with suppress(ProcessLookupError):
            gateway.kill()
    told = heard.on("/telemetry/")
    seen(f"{len(told)} windows, the first {told[0]['points']['va']}, exit code {code}")

    assert "1 point of 1 device" in checked
    assert code == 0
    assert [each["seq"] for each in told[:3]] == [1, 2, 3]
    assert all(each["points"]["va"]["n"] and not each["points"]["va"]["q"] for each in told[:3])


def inside(root, program, *words):
    return "chroot", str(root), f"/opt/gridsentinel/venv/bin/{program}", *words


def run(root, *words):
    return subprocess.check_output(inside(root, *words), text=True)
