"""A daemon without a tap: no module of it is loaded, no packet socket is opened, and the unit gives no capability.

The same holds for whatever else is not configured: none of its code is loaded.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = """
import json, os, signal, socket, sys
families, ready = [], False
def hook(event, args):
    global ready
    if event == "socket.__new__":
        families.append(int(args[1]))
    ready |= event == "socket.sendto" and args[1] == os.environ["NOTIFY_SOCKET"].replace("@", chr(0))
sys.addaudithook(hook)
left = 5
def look(*_):
    global left
    left -= ready  # it has told systemd, and would hear a stop
    if not left:
        signal.setitimer(signal.ITIMER_REAL, 0)  # or the next one ends it without a word
        os.kill(os.getpid(), signal.SIGTERM)
leave = os._exit
def tell(code):
    signal.setitimer(signal.ITIMER_REAL, 0)
    loaded = sorted(name for name, module in sys.modules.items() if module is not None)
    packet = families.count(socket.AF_PACKET)
    print(json.dumps({"loaded": loaded, "packet": packet, "any": len(families)}), flush=True)
    leave(code)
os._exit = tell  # what main does, too, when a thread hangs
signal.signal(signal.SIGALRM, look)
signal.setitimer(signal.ITIMER_REAL, 0.2, 0.2)
from gateway.cli import main
tell(main(["run", sys.argv[1]]))
"""
CONFIG = """
gateway: {{site: a, name: b, state_dir: {state}}}
uplink: {{url: mqtt://127.0.0.1:9}}
devices:
  - name: f1
    protocol: modbus
    url: tcp://127.0.0.1:9
    points: [{{name: a, address: "holding:0"}}]
{tap}
"""


TAP = """\
  - {name: tap1, protocol: tap, interface: lo}
  - {name: r1, protocol: dnp3, url: "tcp://127.0.0.1:9", outstation: 10, points: [{name: a, address: "analog:0"}]}
  - {name: r2, protocol: iec61850, url: "tcp://127.0.0.1:9", points: [{name: a, address: "LD/MMXU1.TotW.mag.f[MX]"}]}
  - {name: r3, protocol: opcua, url: "opc.tcp://127.0.0.1:9", points: [{name: a, address: "ns=2;s=a"}]}
metrics: {listen: "127.0.0.1:0"}
page: {listen: "127.0.0.1:0", users: [{name: anna, token_file: token}]}
recorder: {}
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """Return what a daemon that was ready for a second loaded and opened: one without a tap, and one with all of it."""
    running, surroundings = [], {**os.environ, "NOTIFY_SOCKET": f"@nobody-{os.getpid()}"}
    for tap in ("", TAP):
        folder = tmp_path_factory.mktemp("daemon")
        (folder / "token").write_text("x" * 32)
        (folder / "token").chmod(0o600)
        (folder / "gateway.yaml").write_text(CONFIG.format(state=folder / "state", tap=tap))
        command = [sys.executable, "-c", SCRIPT, str(folder / "gateway.yaml")]
        running.append(subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=surroundings))
    said = [process.communicate(timeout=120)[0] for process in running]
    assert [process.returncode for process in running] == [0, 0]
    return [json.loads(each.splitlines()[-1]) for each in said]


def test_nothing_of_it_is_there(told):
    """But for what its keys mean, which the reader of configurations has to know."""
    without, _ = told

    tap = [name for name in without["loaded"] if name.startswith("protocols.tap")]
    assert tap == ["protocols.tap", "protocols.tap.config"]
    assert without["packet"] == 0
    assert without["any"] > 0


USELESS = (
    "gateway.config.loader", "gateway.decode", "gateway.demo", "gateway.fat", "gateway.http", "gateway.metrics",
    "gateway.page", "gateway.planning", "gateway.recording", "gateway.replay", "gateway.training",
    "gateway.uplink.sparkplug", "gzip", "http", "numpy.ma", "pydantic", "pymodbus", "rich", "serial", "simulator",
    "tracemalloc", "yaml",
)  # fmt: skip
"""What this configuration has no use for; each would take memory and time at every start."""
OTHER_PROTOCOLS = ("protocols.dnp3", "protocols.iec61850", "protocols.opcua")


def test_nothing_useless_is_loaded(told):
    """Neither the reader of configurations, nor commands, nor formats and protocols that are not configured."""
    without, _ = told
    found = {name for name in without["loaded"] if name.startswith(tuple(f"{each}." for each in USELESS))}
    others = {name for name in without["loaded"] if name.startswith(OTHER_PROTOCOLS)}

    assert found | set(USELESS).intersection(without["loaded"]) == set()
    assert others == {name + suffix for name in OTHER_PROTOCOLS for suffix in ("", ".config")}


def test_with_one_it_is(told):
    """So the test above can fail."""
    _, tapped = told

    assert {
        "protocols.tap.watch",
        "protocols.dnp3.driver",
        "protocols.iec61850.driver",
        "protocols.opcua.driver",
        "gateway.http.server",
        "gateway.metrics.serve",
        "gateway.page.serve",
        "gateway.recording.recorder",
    } <= set(tapped["loaded"])
    assert tapped["packet"] > 0


def test_the_unit_gives_no_capability():
    """Neither to begin with nor to be had, and no packet sockets."""
    unit = (ROOT / "systemd/gridsentinel.service").read_text().splitlines()

    assert {"CapabilityBoundingSet=", "AmbientCapabilities=", "NoNewPrivileges=yes"} <= set(unit)
    assert "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX" in unit
