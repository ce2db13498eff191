"""The second part: killed, hung, without room on the disk; and what it wrote meanwhile."""

import json
import time

from installed import STATE
from seen import seen

HANGS_S = 90.0
"""Three times the watchdog: it has to end it, and the service to come back."""
OTHERS = ("/var/log/", "/var/lib/mosquitto/", "/var/lib/systemd/", "/etc/gridsentinel/gateway.yaml")
"""What others write meanwhile: the broker, systemd, the log, and the story itself."""


def comes_back(gateway, before):
    """Wait until another process polls, as the broker has it; return a window of it, and how long it was down."""
    gateway.other(before)
    window = gateway.polls(since=gateway.broker.mark())
    down_us = int(gateway.unit("ActiveEnterTimestampMonotonic")) - int(gateway.unit("ActiveExitTimestampMonotonic"))
    return window, down_us / 1e6


def test_a_kill_is_survived(machine, gateway):
    """Killed, it is back and polls, with the numbers that it had."""
    machine.run("sleep 0.01; touch /mark")
    text = gateway.file.read_text()
    gateway.file.write_text(text.replace("{url: mqtt://127.0.0.1}", "{url: mqtt://127.0.0.1, window_s: 1}"))
    before, told, since = (
        gateway.unit("MainPID"),
        gateway.status()["store"]["last_seq"]["telemetry"],
        gateway.journal.mark(),
    )
    machine.run(f"kill -9 {before}")
    window, down_s = comes_back(gateway, before)
    gateway.logged("stopped_uncleanly", since=since)
    seen(f"down for {down_s:.1f} s after kill -9; number {told} before, {window['seq']} after")

    assert window["length_s"] <= 1
    assert window["seq"] > told


def test_a_full_disk_is_survived(machine, gateway):
    """With no byte left it goes on polling, says so, and stores again when there is room."""
    move = f"cp -a {STATE}/. /kept/; {{}} {STATE}; cp -a /kept/. {STATE}/; rm -r /kept"
    machine.run(f"systemctl stop gridsentinel; mkdir /kept; {move.format('mount -t tmpfs -o size=6m,mode=700 tmpfs')}")
    machine.run("systemctl start gridsentinel")
    before, since = gateway.unit("MainPID"), gateway.journal.mark()
    gateway.polls(since=gateway.broker.mark())
    machine.run(f"dd if=/dev/zero of={STATE}/filler bs=64k", check=False)
    fault = json.loads(gateway.logged("store_fault", since=since))["MESSAGE"]
    asked = gateway.status()["devices"]["feeder1"]["polls"]
    while gateway.status()["devices"]["feeder1"]["polls"] < asked + 3:
        pass  # each answer takes longer than a look at the clock
    machine.run(f"rm {STATE}/filler")
    gateway.logged("store_recovered", since=since)
    window = gateway.polls(since=gateway.broker.mark())
    seen(f"{fault[:100]}; polled on; then window {window['seq']} came")

    assert gateway.unit("MainPID") == before
    machine.run(f"systemctl stop gridsentinel; mkdir /kept; {move.format('umount')}; systemctl start gridsentinel")
    gateway.polls(since=gateway.broker.mark())


def test_a_hang_is_ended_by_the_watchdog(machine, gateway):
    """Stopped in its tracks, it is killed and started again."""
    before, since = gateway.unit("MainPID"), gateway.journal.mark()
    began = time.monotonic()
    machine.run(f"kill -STOP {before}")
    gateway.journal.until(lambda line: "atchdog timeout" in line, "the watchdog", since=since, patience_s=HANGS_S)
    found_s = time.monotonic() - began
    _, down_s = comes_back(gateway, before)
    seen(f"found after {found_s:.0f} s (WatchdogSec={gateway.unit('WatchdogUSec')}), polls again {down_s:.1f} s later")


def test_it_writes_nowhere_else(machine):
    """Of all files, only those of its directory have changed, and those of others."""
    changed = machine.run(f"find / -xdev -cnewer /mark -not -type d -not -path '{STATE}/*'").split()
    alien = [path for path in changed if not path.startswith(OTHERS)]
    own = machine.run(f"find / -xdev -user gridsentinel -not -path '{STATE}*'").split()
    seen(f"changed by others: {' '.join(sorted(set(changed) - set(alien)))}")

    assert alien == []
    assert own == []
