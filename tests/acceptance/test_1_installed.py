"""The first part of the life of a gateway: installed on an empty Debian, configured, at work, and what it may do there.

The commands are those of docs/install.md. Each part goes on from the last.
"""

import json
import re
import time
import zlib

from installed import PRIVATE, STATE, WRITABLE
from nspawn import commands
from seen import seen

GREATEST_EXPOSURE = 1.3
LISTENER = "apt-get install -y mosquitto-clients"
"""What the story needs, and the page does not."""
STORY: dict[str, float] = {}
"""When it began."""


def test_it_installs_without_network_and_says_what_to_do(machine, gateway, packages, page):
    """On a Debian without Python; the service runs at once with nothing to poll, and tells so in three places."""
    machine.put(packages.this, packages.this.name)
    machine.run("find / -xdev > /before")
    STORY["began"] = time.monotonic()
    installed, state, status = (machine.run(command) for command in commands(page, "Install it"))
    seen(f"installed in {time.monotonic() - STORY['began']:.0f} s; {re.search('Status: .*', state)[0]}")

    assert "Active: active (running)" in state
    assert "polls nothing yet" in installed
    assert "name devices in /etc/gridsentinel/gateway.yaml" in state
    assert status.startswith("operational")
    assert gateway.logged("nothing_to_poll")


def test_it_polls(machine, gateway, page):
    """With the configuration of the page it polls the simulated substation, and the broker has it."""
    text = page.split("\n## Let it poll\n")[1].split("```yaml\n")[1].split("```")[0]
    for command in commands(page, "Let it poll"):
        if command.startswith("gridsentinel check"):
            machine.run(LISTENER)
            gateway.listen()
            gateway.file.write_text(text)
        said = machine.run(command)
        if "restart" in command:
            told = gateway.polls("va", "vb")
            took_s = time.monotonic() - STORY["began"]
        elif "--points" in command:
            seen(said.strip().splitlines()[-1])
    seen(f"from an empty Debian to the broker in {took_s:.0f} s; {told['seq']}: {json.dumps(told['points']['va'])}")

    assert {*told["points"]} == {"va", "vb"}


def test_it_tells_systemd_when_it_is_ready_and_how_it_is(gateway, memory):
    """The unit is of the type that waits for the word, has a watchdog that was fed, and shows a status."""
    told = {key: gateway.unit(key) for key in ("Type", "NotifyAccess", "StatusText", "WatchdogUSec", "NRestarts")}
    fed = int(gateway.unit("WatchdogTimestampMonotonic"))
    seen(", ".join(f"{key} {value}" for key, value in told.items()))

    assert told["Type"] == "notify"
    assert fed > int(gateway.unit("ExecMainStartTimestampMonotonic"))
    assert told["StatusText"] == "1 device, 2 points"


def test_papers_and_help_are_there(machine):
    """The bill of materials names all that is inside, the manual page and the completion know every command."""
    bill = json.loads((machine.root / "usr/share/doc/gridsentinel/sbom.cdx.json").read_text())
    inside = machine.run("ls -d /opt/gridsentinel/venv/lib/python3*/site-packages/*.dist-info").split()
    manual = zlib.decompress((machine.root / "usr/share/man/man1/gridsentinel.1.gz").read_bytes(), wbits=31).decode()
    complete = "COMP_WORDS=(gridsentinel sta); COMP_CWORD=1; _gridsentinel; echo ${COMPREPLY[@]}"
    script = "/usr/share/bash-completion/completions/gridsentinel"
    completed = machine.run(f"bash -c '. {script}; {complete}'").split()
    helped = re.findall(r"^    ([a-z]+)  ", machine.run("gridsentinel --help"), re.MULTILINE)
    seen(f"{len(bill['components'])} components, {len(helped)} commands; sta<TAB> gives {completed}")

    assert len(bill["components"]) == len(inside) - 1
    assert all(each["hashes"] for each in bill["components"])
    assert helped
    assert all(f".SS {command}\n" in manual for command in helped)
    assert completed == ["status"]


def test_it_is_confined(machine, gateway):
    """No root, no capability, nothing to write but its own directory and RAM; systemd finds little to reproach."""
    pid = gateway.unit("MainPID")
    about = machine.run(f"cat /proc/{pid}/status")
    uid, capabilities = (re.search(rf"^{key}:\s+(\w+)", about, re.MULTILINE)[1] for key in ("Uid", "CapEff"))
    writable = {line for line in machine.run(WRITABLE, check=False).splitlines() if STATE + "/" not in line}
    handles = (
        "for fd in /proc/{0}/fd/*; do grep -q 'flags:.*[12]$' /proc/{0}/fdinfo/${{fd##*/}} && readlink $fd; done; true"
    )
    handles = {line.partition(":")[0] for line in machine.run(handles.format(pid)).splitlines()}
    analysed = machine.run("systemd-analyze security --no-pager gridsentinel.service")
    exposure = float(re.search(r"level for gridsentinel\.service: ([\d.]+)", analysed)[1])
    seen(f"uid {uid}, capabilities {int(capabilities, 16)}, exposure {exposure}")
    seen(f"may write in {' '.join(sorted(writable))}; open for writing: {' '.join(sorted(handles))}")

    assert int(uid) > 0
    assert int(capabilities, 16) == 0
    assert {STATE} <= writable <= PRIVATE
    assert all(each.startswith(f"{STATE}/") or not each.startswith("/") or each == "/dev/null" for each in handles)
    assert exposure <= GREATEST_EXPOSURE
