"""The third part: reloads, an upgrade, a downgrade, a reboot, what the broker has of all that, and the end."""

import hashlib
import json
import re

from installed import STATE
from nspawn import commands
from seen import seen

FOREIGN = ("/var/lib/dpkg/", "/var/lib/apt/", "/var/log/", "/var/cache/", "/var/lib/systemd/", "/var/lib/mosquitto/")
"""What the package manager, systemd and the broker keep."""
REFUSED = {
    "EVENT": "reload_refused",
    "PRIORITY": "3",
    "SYSLOG_IDENTIFIER": "gridsentinel",
    "_TRANSPORT": "journal",
    "_SYSTEMD_UNIT": "gridsentinel.service",
}
"""Fields of the journal for a configuration that is refused; only what comes as native fields is of that transport."""


def test_a_reload_is_taken_up_and_a_bad_one_is_not(machine, gateway, page):
    """The same process polls one point more; then it refuses a fault, and polls on."""
    (command,) = (each for each in commands(page, "Let it poll") if "reload" in each)
    before, heard = gateway.unit("MainPID"), gateway.broker.mark()
    good = gateway.file.read_text() + '      - {name: vc, address: "holding:104", type: float32, unit: V}\n'
    gateway.file.write_text(good)
    machine.run(command)
    window = gateway.polls("va", "vb", "vc", since=heard)
    log = gateway.journal.mark()
    gateway.file.write_text(good.replace("holding:104", "holdin:104"))
    machine.run(command)
    refused = json.loads(gateway.logged("reload_refused", since=log))
    gateway.polls("va", "vb", "vc", since=gateway.broker.mark())
    gateway.file.write_text(good)
    seen(f"vc {window['points']['vc']['last']:.0f} V after the reload; {refused['MESSAGE'][:90]}")

    assert gateway.unit("MainPID") == before
    assert {key: refused[key] for key in REFUSED} == REFUSED
    assert refused["MESSAGE"] in machine.run("journalctl -u gridsentinel EVENT=reload_refused --output cat")


def test_the_same_source_gives_the_same_package(packages):
    """Two builds have one hash."""
    this, again = (hashlib.sha256(path.read_bytes()).hexdigest() for path in (packages.this, packages.again))
    seen(f"{this[:16]} and {again[:16]}, {packages.this.stat().st_size / 1e6:.1f} MB")

    assert this == again


def test_an_upgrade_keeps_configuration_and_store(machine, gateway, packages, page):
    """The file that was changed is kept without a question, numbers go on, the break is short."""
    told, text, before = gateway.status(), gateway.file.read_text(), gateway.unit("MainPID")
    put(machine, packages.later)
    for command in commands(page, "Upgrade"):
        machine.run(command)
    gateway.other(before)
    down_us = int(gateway.unit("ActiveEnterTimestampMonotonic")) - int(gateway.unit("ActiveExitTimestampMonotonic"))
    window = gateway.polls("va", "vb", "vc", since=gateway.broker.mark())
    version = machine.run("dpkg-query -W gridsentinel").split()[1]
    last = told["store"]["last_seq"]["telemetry"]
    seen(f"now {version}, down for {down_us / 1e6:.1f} s; number {last} before, {window['seq']} after")

    assert version.endswith("+later")
    assert gateway.file.read_text() == text


def test_a_downgrade_refuses_a_newer_store(machine, gateway, packages, page):
    """It says why and changes nothing; with a store that it knows it goes back."""
    put(machine, packages.this)
    (command,) = commands(page, "Downgrade")
    known = stored_version(machine)
    stored_version(machine, 99)
    refused = machine.run(command, check=False)
    machine.run("systemctl start gridsentinel", check=False)
    status, version = gateway.unit("ExecMainStatus"), machine.run("dpkg-query -W gridsentinel")
    stored_version(machine, known)
    machine.run("systemctl reset-failed gridsentinel; systemctl start gridsentinel")
    machine.run(command)
    gateway.polls("va", "vb", "vc", since=gateway.broker.mark())
    seen(re.search("gridsentinel: the store.*", refused)[0])

    assert "stay with the newer package" in refused
    assert "+later" in version
    assert status == "78"  # the program itself refuses, too
    assert "+later" not in machine.run("dpkg-query -W gridsentinel")


def test_a_reboot_brings_it_back(machine, gateway, page):
    """It starts by itself, with what it had."""
    told = gateway.status()["store"]["last_seq"]["telemetry"]
    gateway.reboot()
    (simulator,) = (each for each in commands(page, "Let it poll") if "simulate" in each)
    machine.run(simulator)
    window = gateway.polls("va", "vb", "vc")
    seen(f"number {told} before, {window['seq']} after")

    assert window["seq"] > told


def test_the_broker_has_every_number(machine, gateway):
    """Of all windows since the first: through kill, hang, full disk, upgrade, downgrade and reboot none is missing."""
    heard = gateway.broker.mark()
    machine.run("systemctl stop gridsentinel")
    gateway.broker.until(lambda line: '"stopped"' in line, "the farewell", since=heard)
    had = {number for first, last in gateway.numbers() for number in range(first, last + 1)}
    seen(f"windows 1 to {max(had)}")

    assert had == set(range(1, max(had) + 1))


def test_a_purge_leaves_nothing(machine, page):
    """No file, no user, no unit: what is new since before the installation belongs to packages that it depends on."""
    machine.run("systemctl stop gridsentinel-simulator; rm /gridsentinel_*.deb /mark", check=False)
    for command in commands(page, "Remove"):
        machine.run(command)
    of_packages = machine.run("cat /var/lib/dpkg/info/*.list").splitlines()
    there = machine.run("find / -xdev").splitlines()
    new = {*there} - {*machine.run("cat /before").splitlines()} - {*of_packages}
    left = sorted(path for path in new if not path.startswith(FOREIGN))
    named = machine.run("find / -xdev -name '*gridsentinel*'").split()
    seen(f"left behind: {named or 'nothing'}; by others: {len(left)} files")

    assert named == []
    assert "gridsentinel" not in machine.run("cat /etc/passwd /etc/group; systemctl list-unit-files")


def put(machine, package):
    """Copy it to where the page has it."""
    machine.run("rm -f /gridsentinel_*.deb")
    machine.put(package, package.name.removeprefix("later_"))


def stored_version(machine, version=None):
    """Stop the service, and tell the version of its store; or write another."""
    pragma = "PRAGMA user_version" + ("" if version is None else f" = {version}")
    command = f"import sqlite3; print(sqlite3.connect('{STATE}/store.db').execute('{pragma}').fetchone())"
    return re.sub(
        r"\D", "", machine.run(f'systemctl stop gridsentinel; /opt/gridsentinel/venv/bin/python3 -c "{command}"')
    )
