"""SIGHUP: a good file is taken up while everything lives on; a bad one changes nothing and is told."""

import asyncio
import itertools
import os
import signal
import sys
import time

import pytest

SLOW_DISK = """
import time
from gateway.cli import main
from gateway.store.disk import Disk

commit = Disk.commit

def slow(self, work):
    time.sleep(0.1)
    commit(self, work)

Disk.commit = slow
raise SystemExit(main())
"""
"""The daemon on a memory card, where a commit takes a tenth of a second."""


def limited(device, name, limit=200, **keys):
    config = device.config(name, points=3, **keys)
    config["points"][0]["limits"] = {"high": limit}
    config["points"][2]["limits"] = {"high": 200}
    return config


async def reload(daemon):
    """Send SIGHUP, and return when systemd is told that it is over."""
    before = sum("READY=1" in notice for _, notice in daemon.notices)
    daemon.send(signal.SIGHUP)
    await daemon.noticed("READY=1", times=before + 1)
    assert any("RELOADING=1" in notice for _, notice in daemon.notices)


async def active(book, *ids):
    """Wait until just these alarms of devices are active; the gateway tells of its changed file when it looks."""
    await book.until(
        lambda book: (
            {id_ for id_, alarm in book.alarms().items() if alarm["active"] and not id_.startswith("gateway/")}
            == set(ids)
        )
    )


async def test_good_change(daemon, make_device, book):
    """A device comes, a point goes, a limit moves: the same process goes on, with its numbers and its alarms."""
    one, two = make_device(), make_device()
    await one.start()
    await two.start()
    one.registers[0], one.registers[2], two.registers[0] = 250, 250, 250
    daemon.write([limited(one, "d1")])
    await daemon.start(daemon.patient)
    await active(book, "d1/p0/limit_high", "d1/p2/limit_high")
    first = book.alarms()["d1/p0/limit_high"]["first"]

    began_s, began_waiting_s = time.monotonic(), daemon.waited_s()
    await one.answered(10)
    changed = limited(one, "d1", limit=240)
    del changed["points"][2]
    daemon.write([changed, limited(two, "d2")])
    await reload(daemon)
    await active(book, "d1/p0/limit_high", "d2/p0/limit_high")
    assert (book.alarms()["d1/p0/limit_high"]["first"], book.alarms()["d1/p0/limit_high"]["count"]) == (first, 1)
    assert book.alarms()["d1/p2/limit_high"]["text"].endswith("(no longer watched)")
    one.registers[0] = 230  # beyond the limit of before, not of now
    await active(book, "d2/p0/limit_high")
    await book.until(lambda book: set(book.birth["devices"]) == {"d1", "d2"})
    late_s = daemon.waited_s() - began_waiting_s
    await daemon.stop()
    await book.until(lambda book: book.status.get("reason") == "stopped")

    assert book.holes() == {}
    assert one.answers[1] - book.readings("d1") in (0, 1, 2)  # one under way at the reload, one at the stop
    pauses = [later - earlier for earlier, later in itertools.pairwise(one.asked_s[1]) if earlier > began_s]
    assert max(pauses) < 1 + late_s
    assert "restart" not in daemon.log


async def test_bad_file_changes_nothing(daemon, device, book):
    """Faults, or what needs a restart: the log names each with its place; the polls keep their connection."""
    daemon.write([limited(device, "d1")])
    await daemon.start()
    await device.answered(3)
    daemon.write([limited(device, "d1", every_s=-1, colour="red")])
    await reload(daemon)
    polled = device.answers[1]
    await device.answered(polled + 5)
    assert device.connections == 1
    refused = [line for line in daemon.log.splitlines() if "reload_refused" in line]
    assert len(refused) == 2
    assert all("gateway.yaml:" in line for line in refused)
    assert any("colour" in line for line in refused)

    daemon.write([], uplink={"window_s": 7})  # well, but not while running
    await reload(daemon)
    assert "uplink changed, which needs a restart; everything else is taken up by a reload" in daemon.log
    await device.answered(device.answers[1] + 5)
    assert device.connections == 1


async def test_killed_reader_changes_nothing(daemon, device, book):
    """The process that reads the file is killed, as when memory is short: the reload is refused, the daemon goes on."""
    daemon.write([limited(device, "d1")])
    await daemon.start()
    await device.answered(3)
    daemon.send(signal.SIGHUP)
    await daemon.noticed("RELOADING=1")
    async with asyncio.timeout(30):
        while not (children := await asyncio.to_thread(daemon.children)):
            pass
    for child in children:
        os.kill(child, signal.SIGKILL)
    await daemon.noticed("READY=1", times=2)

    assert "reload_refused" in daemon.log
    await device.answered(device.answers[1] + 5)
    assert device.connections == 1


async def test_alarms_of_the_last_moment_live_on(daemon, device, book):
    """An alarm that was raised just before a reload, and is not on disk yet, is the same alarm after it."""
    daemon.write([limited(device, "d1", every_s=0.02)])
    await daemon.start((sys.executable, "-c", SLOW_DISK, "run"))

    async def flap():
        for turn in itertools.count():
            device.registers[2 * (turn % 2)] ^= 255
            await device.answered(device.answers[1] + 2)

    flapping = asyncio.create_task(flap())
    for _ in range(3):
        await reload(daemon)
    flapping.cancel()
    await daemon.stop()
    await book.until(lambda book: book.status.get("reason") == "stopped")

    for id_ in ("d1/p0/limit_high", "d1/p2/limit_high"):
        life = [alarm for _, alarm in sorted(book.streams["alarm"].items()) if alarm["id"] == id_]
        assert len(life) > 4
        assert len({alarm["first"] for alarm in life}) == 1
        assert [alarm["count"] for alarm in life] == [n // 2 + 1 for n in range(len(life))]


async def test_log_level(daemon, device, book):
    """The log's own section is taken up too."""
    daemon.write([limited(device, "d1")], log={"level": "error"})
    await daemon.start()
    daemon.write([limited(device, "d1")], log={"level": "info"})
    await reload(daemon)

    assert "reloaded" in daemon.log


async def test_stop_while_reloading(daemon, device):
    """A stop in the middle of a reload is a good stop, which waits for neither the file nor the signals before it."""
    daemon.write([device.config("d1")])
    await daemon.start()
    await device.answered(3)
    daemon.send(signal.SIGHUP)
    await daemon.noticed("RELOADING=1")
    async with asyncio.timeout(30):
        while not (children := await asyncio.to_thread(daemon.children)):
            pass
    for child in children:
        os.kill(child, signal.SIGSTOP)  # a file that is read for ever
    daemon.send(signal.SIGHUP)

    assert await daemon.stop() < 2
    with pytest.raises(ProcessLookupError):
        os.kill(children[0], 0)


async def test_systemd_is_gone_in_the_middle_of_a_reload(daemon, device):
    """Nobody listens at the socket of notices any more: the daemon goes on, reloads again, and ends on SIGTERM."""
    daemon.write([device.config("d1")])
    await daemon.start()
    await device.answered(3)
    daemon.send(signal.SIGHUP)
    await daemon.noticed("RELOADING=1")
    daemon.deafen()
    await logged(daemon, '"reloaded"', 1)
    await device.answered(device.answers[1] + 3)
    daemon.send(signal.SIGHUP)
    await logged(daemon, '"reloaded"', 2)

    await daemon.stop()


async def logged(daemon, text, times):
    """Wait until the log has `text` so often."""
    async with asyncio.timeout(30):
        while daemon.log.count(text) < times:
            assert daemon.running, daemon.log
            await asyncio.sleep(0.02)
