"""The life of an installed gateway on a real systemd; each part goes on from the last.

The commands are those of docs/install.md, but for `apt-get install mosquitto`: it is there, as there is no network.
"""

import hashlib
import json
import re
import time

from nspawn import commands, seen, until

STATE = "/var/lib/gridsentinel"
MINUTES_S = 300.0
"""From an empty Debian to a service that polls."""
GREATEST_EXPOSURE = 1.3
STORY: dict[str, float] = {}
"""When it began."""


def unit(machine, key):
    return machine.run(f"systemctl show gridsentinel --value --property={key}").strip()


def status(machine):
    return json.loads(machine.run("gridsentinel status --json"))


def polls(machine):
    """Whether it is up, feeder1 answers and the broker has taken something."""
    said = machine.run("gridsentinel status --json", check=False)
    if not said.startswith("{"):
        return False
    told = json.loads(said)
    return any(each["online"] and each["polls"] > 1 for each in devices(told)) and told["uplink"]["acked"] > 0


def devices(told):
    return list(told["devices"].values()) if isinstance(told["devices"], dict) else told["devices"]


def numbers(told):
    """Return the last number of each stream, wherever the answer has it."""
    found = {}

    def look(node):
        if isinstance(node, dict):
            for key, value in node.items():
                if key == "last_seq" and isinstance(value, dict):
                    found.update(value)
                look(value)

    look(told)
    return found


def journal(machine):
    return machine.run("journalctl --unit gridsentinel --output cat --no-pager")


def put(machine, package):
    machine.run("rm -f /gridsentinel_*.deb")
    machine.put(package, package.name)


def documented(machine, page, section):
    return {command: machine.run(command) for command in commands(page, section)}


def test_the_same_source_gives_the_same_package(packages):
    """Two builds have one hash."""
    this, again = (hashlib.sha256(packages[name].read_bytes()).hexdigest() for name in ("this", "again"))
    seen(f"{this[:16]} and {again[:16]}")

    assert this == again


def test_it_installs_without_network_and_says_what_to_do(machine, packages, page):
    """The service runs at once with nothing to poll, and tells so in three places."""
    put(machine, packages["this"])
    STORY["began"] = time.monotonic()
    said = documented(machine, page, "Install it")
    (installed, state, _) = said.values()
    seen(f"installed in {time.monotonic() - STORY['began']:.0f} s; {re.search('Status: .*', state)[0]}")

    assert unit(machine, "ActiveState") == "active"
    assert "polls nothing yet" in installed
    assert "name devices in /etc/gridsentinel/gateway.yaml" in state
    assert "nothing_to_poll" in journal(machine)


def test_it_polls_within_minutes(machine, page):
    """With the configuration of the page it polls the simulated substation, and the broker has it."""
    text = page.split("\n## Let it poll\n")[1].split("```yaml\n")[1].split("```")[0]
    listed = commands(page, "Let it poll")
    at = listed.index("gridsentinel check /etc/gridsentinel/gateway.yaml")
    for command in listed[1:at]:
        machine.run(command)
    (machine.root / "etc/gridsentinel/gateway.yaml").write_text(text)
    for command in listed[at:]:
        if "--points" in command:
            until(lambda: polls(machine), "it to poll")
        said = machine.run(command)
        if "--points" in command:
            seen(said.strip().splitlines()[-1])
    took_s = time.monotonic() - STORY["began"]
    seen(f"from an empty Debian to polling in {took_s:.0f} s")

    assert took_s < MINUTES_S


def test_it_is_confined(machine):
    """No root, no capability, nothing of its own outside its directory; systemd finds little to reproach."""
    pid = unit(machine, "MainPID")
    about = machine.run(f"cat /proc/{pid}/status")
    uid, capabilities = (
        re.search(r"^Uid:\s+(\d+)", about, re.MULTILINE)[1],
        re.search(r"^CapEff:\s+(\w+)", about, re.MULTILINE)[1],
    )
    own = machine.run(f"find / -xdev -user gridsentinel -not -path '{STATE}*'").split()
    writable = machine.run(
        f"nsenter -t {pid} -m findmnt -n -l -t notmpfs,noproc,nosysfs -O rw -o TARGET", check=False
    ).split()
    exposure = float(
        re.search(
            r"level for gridsentinel\.service: ([\d.]+)",
            machine.run("systemd-analyze security --no-pager gridsentinel.service"),
        )[1]
    )
    seen(f"uid {uid}, capabilities {capabilities}, files elsewhere {own}, writable {writable}, exposure {exposure}")

    assert int(uid) > 0
    assert int(capabilities, 16) == 0
    assert own == []
    assert exposure <= GREATEST_EXPOSURE


def test_a_kill_is_survived(machine):
    """Killed, it is back and polls, with the numbers that it had."""
    before, told = unit(machine, "MainPID"), numbers(status(machine))
    machine.run(f"kill -9 {before}")
    took_s = until(lambda: unit(machine, "MainPID") not in ("0", before) and polls(machine), "it to come back")
    seen(f"polls again {took_s:.1f} s after kill -9; restarts: {unit(machine, 'NRestarts')}")

    assert "stopped_uncleanly" in journal(machine)
    assert numbers(status(machine))["telemetry"] >= told["telemetry"]


def test_a_hang_is_ended_by_the_watchdog(machine):
    """Stopped in its tracks, it is killed and started again."""
    before = unit(machine, "MainPID")
    machine.run(f"kill -STOP {before}")
    took_s = until(
        lambda: unit(machine, "MainPID") not in ("0", before) and polls(machine), "the watchdog", patience_s=90
    )
    seen(f"polls again {took_s:.0f} s after it hung; the unit has WatchdogSec={unit(machine, 'WatchdogUSec')}")

    assert "watchdog" in machine.run("journalctl --unit gridsentinel --no-pager").lower()


def test_too_much_memory_is_ended(machine):
    """Beyond MemoryMax the kernel ends it, and it comes back; where the machine has a memory controller of its own."""
    if not unit(machine, "MemoryCurrent").isdigit():
        seen("NOT RUN: this computer gives the machine no memory controller of its own (it needs cgroup v2)")
        assert unit(machine, "MemoryMax") == str(256 << 20)
        return
    before = unit(machine, "MainPID")
    machine.run("systemctl set-property --runtime gridsentinel MemoryMax=24M")
    until(lambda: "oom" in machine.run("journalctl --unit gridsentinel --no-pager").lower(), "the kernel to end it")
    machine.run("systemctl set-property --runtime gridsentinel MemoryMax=256M")
    took_s = until(lambda: unit(machine, "MainPID") not in ("0", before) and polls(machine), "it to come back")
    seen(f"polls again {took_s:.0f} s after it had too little memory")


def test_a_full_disk_is_survived(machine):
    """With no byte left it goes on polling, says so, and stores again when there is room."""
    machine.run(f"systemctl stop gridsentinel; cp -a {STATE} /kept; mount -t tmpfs -o size=6m,mode=700 tmpfs {STATE}")
    machine.run(f"cp -a /kept/. {STATE}/; chown gridsentinel:gridsentinel {STATE}; systemctl start gridsentinel")
    until(lambda: polls(machine), "it to poll")
    before = unit(machine, "MainPID")
    machine.run(f"dd if=/dev/zero of={STATE}/filler bs=64k", check=False)
    until(lambda: status(machine)["store"].get("fault") or "store_fault" in journal(machine), "the fault")
    fault = re.search(r'"reason": "([^"]*)"[^\n]*store_fault|store_fault[^\n]*', journal(machine))
    asked = max(each["polls"] for each in devices(status(machine)))
    until(lambda: max(each["polls"] for each in devices(status(machine))) > asked + 2, "more polls")
    machine.run(f"rm {STATE}/filler")
    took_s = until(lambda: "store_recovered" in journal(machine), "the store to recover")
    seen(f"{fault[0][:90]}; polled on; stored again {took_s:.1f} s after there was room")

    assert unit(machine, "MainPID") == before
    machine.run(f"systemctl stop gridsentinel; umount {STATE}; rm -rf /kept; systemctl start gridsentinel")
    until(lambda: polls(machine), "it to poll")


def test_a_reload_is_taken_up_and_a_bad_one_is_not(machine, page):
    """The same process polls one point more; then it refuses a fault, and polls on."""
    (command,) = (each for each in commands(page, "Let it poll") if "reload" in each)
    before, file = unit(machine, "MainPID"), machine.root / "etc/gridsentinel/gateway.yaml"
    good = file.read_text() + '      - {name: vc, address: "holding:104", type: float32, unit: V}\n'
    file.write_text(good)
    machine.run(command)
    took_s = until(lambda: "vc" in machine.run("gridsentinel status --points feeder1"), "the new point")
    file.write_text(good.replace("holding:104", "holdin:104"))
    machine.run(command)
    until(lambda: "reload_refused" in journal(machine), "the refusal")
    until(lambda: polls(machine), "it to poll on")
    seen(f"a new point {took_s:.1f} s after the reload; {re.findall('.*reload_refused.*', journal(machine))[-1][:120]}")
    file.write_text(good)

    assert unit(machine, "MainPID") == before


def test_an_upgrade_keeps_configuration_and_store(machine, packages, page):
    """The file that was changed is kept without a question, numbers go on, the break is short."""
    told, text = status(machine), (machine.root / "etc/gridsentinel/gateway.yaml").read_text()
    before = unit(machine, "MainPID")
    put(machine, packages["next"])
    began = time.monotonic()
    documented(machine, page, "Upgrade")
    until(lambda: polls(machine), "it to poll")
    stamps = machine.run("journalctl --unit gridsentinel --output short-unix --no-pager").splitlines()
    stopping = [float(line.split()[0]) for line in stamps if "Stopping" in line][-1]
    started = [float(line.split()[0]) for line in stamps if ": Started" in line or "Started gridsentinel" in line][-1]
    now = status(machine)
    seen(f"upgraded in {time.monotonic() - began:.0f} s, down for {started - stopping:.1f} s")

    assert unit(machine, "MainPID") != before
    assert "+next" in machine.run("dpkg-query -W gridsentinel")
    assert (machine.root / "etc/gridsentinel/gateway.yaml").read_text() == text
    assert numbers(now)["telemetry"] >= numbers(told)["telemetry"] > 0


def test_a_downgrade_refuses_a_newer_store(machine, packages, page):
    """It says why and changes nothing; with a store that it knows it goes back."""
    python = "/opt/gridsentinel/venv/bin/python3 -c"
    put(machine, packages["this"])
    (command,) = commands(page, "Downgrade")
    sql = (
        f"import sqlite3; db = sqlite3.connect('{STATE}/store.db'); db.execute('PRAGMA user_version = %d'); db.close()"
    )
    machine.run(f'systemctl stop gridsentinel; {python} "{sql % 99}"')
    refused = machine.run(command, check=False)
    started = machine.run("systemctl start gridsentinel", check=False)
    seen(re.search("gridsentinel: the store.*", refused)[0])

    assert "+next" in machine.run("dpkg-query -W gridsentinel")
    assert "stay with the newer package" in refused
    assert started  # the program itself refuses, too
    assert unit(machine, "ExecMainStatus") == "78"
    machine.run(f'systemctl reset-failed gridsentinel; {python} "{sql % 3}"; systemctl start gridsentinel')
    until(lambda: polls(machine), "it to poll")
    machine.run(command)
    assert "+next" not in machine.run("dpkg-query -W gridsentinel")
    until(lambda: polls(machine), "it to poll")


def test_a_reboot_brings_it_back(machine, page):
    """It starts by itself, with what it had."""
    told = numbers(status(machine))
    began = time.monotonic()
    machine.reboot()
    (simulator,) = (each for each in commands(page, "Let it poll") if "simulate" in each)
    machine.run(simulator)
    until(lambda: polls(machine), "it to poll")
    seen(f"polls again {time.monotonic() - began:.0f} s after the reboot")

    assert numbers(status(machine))["telemetry"] >= told["telemetry"]


def test_a_purge_leaves_nothing(machine, page):
    """No file, no user, no unit."""
    machine.run("rm -f /gridsentinel_*.deb; systemctl stop gridsentinel-simulator", check=False)
    documented(machine, page, "Remove")
    left = machine.run("find / -xdev -name '*gridsentinel*' -not -path '/proc/*' -not -path '/sys/*'").split()
    seen(f"left behind: {left or 'nothing'}")

    assert left == []
    assert "gridsentinel" not in machine.run("cat /etc/passwd /etc/group")
