"""A reload goes on with what did not change: its connection, its schedule, its counters, and every reading."""

import asyncio
import itertools
import signal
import sys
from pathlib import Path

import pytest

FULL_DISK = """
import errno, os
from gateway.cli import main
from gateway.store.disk import Disk

commit = Disk.commit

def full(self, work):
    if os.path.exists(os.environ["FULL"]):
        raise OSError(errno.ENOSPC, "No space left on device")
    commit(self, work)

Disk.commit = full
raise SystemExit(main())
"""
EVERY_S = 0.1
"""How often a device is polled."""
WARM = 6
"""Reloads after which the memory of the process is what it will be: its arenas are made, its modules are loaded."""
RSS_KIB = 4096
"""What fifty reloads may take of memory that one does not: the arenas of malloc move by some hundred KiB."""


def variants(steady, one, two):
    """Yield configurations without end in which `steady` is the same, and all else comes, goes and changes."""
    for turn in itertools.count():
        first = one.config("o1", points=3)
        first["points"][0]["limits"] = {"high": 100 + turn}
        second = two.config("o2" if turn % 2 else "renamed", every_s=0.2)
        yield (
            [steady],
            [first, steady],
            [steady, second, first],
            [second, steady],
            [second, first, steady],
        )[turn % 5]


async def reload(daemon):
    before = sum("READY=1" in notice for _, notice in daemon.notices)
    daemon.send(signal.SIGHUP)
    await daemon.noticed("READY=1", times=before + 1)


def descriptors(daemon):
    return sum(1 for _ in Path(f"/proc/{daemon.pid}/fd").iterdir())


@pytest.fixture
async def others(make_device):
    made = [make_device(), make_device()]
    for each in made:
        await each.start()
    return made


@pytest.fixture
async def end(daemon, device, book):
    """Return what stops the daemon, and looks whether every answer of the device is told once."""

    async def stopped():
        await daemon.stop()
        daemon.write([])
        await daemon.start()  # it tells what there was no time for
        await book.emptied(daemon)
        told = book.readings("d1")
        assert device.answers[1] - told in (0, 1), "one may be under way at the stop"
        assert book.holes() == {}
        last = max(window["points"]["p1"]["last"] or 0 for window in book.windows("d1"))
        assert last == told - 1, "answer k holds k, from 0: so none was counted twice in place of another"
        assert device.connections == 1
        assert sum('"device_answers"' in line and '"d1"' in line for line in daemon.log.splitlines()) == 1

    return stopped


@pytest.mark.parametrize("times", [6, pytest.param(50, marks=pytest.mark.slow)])
async def test_many_reloads(daemon, device, others, book, end, times):
    """Others come, go, are renamed, get other limits and change places: this device does not notice, at 10 Hz."""
    configurations = variants(device.config("d1"), *others)
    daemon.write(next(configurations))
    await daemon.start()
    skipped = (await daemon.asked())["devices"]["d1"]["skipped"]
    began_waiting_s, at_first = daemon.waited_s(), (0, 0)
    for turn, devices in enumerate(itertools.islice(configurations, times)):
        daemon.write(devices)
        await reload(daemon)
        if turn == WARM:
            at_first = daemon.rss_kib(), descriptors(daemon)
    if times > WARM:
        assert daemon.rss_kib() - at_first[0] < RSS_KIB
        assert descriptors(daemon) <= at_first[1] + 2  # connections of the others, which come and go
    answered = device.answers[1]
    await book.until(lambda book: book.status.get("devices", {}).get("d1", {}).get("polls", 0) >= answered - 1)
    late_s = daemon.waited_s() - began_waiting_s
    assert book.status["devices"]["d1"]["skipped"] - skipped <= 1 + late_s / EVERY_S, "the loop was held by a reload"

    await end()
    assert daemon.log.count('"reloaded"') == times
    assert not [alarm for alarm in book.alarms() if alarm.endswith("/stale")], "what is new is not silent for long"


async def test_a_changed_device_begins_anew(daemon, device, others, book, end):
    """It connects again, as its registers may be others; a neighbour on its connection goes with it."""
    other = others[0]
    daemon.write([device.config("d1"), other.config("o1"), other.config("o2", unit=2)])
    await daemon.start()
    await other.answered(3, unit=2)
    assert other.connections == 1

    daemon.write([device.config("d1"), other.config("o1", points=3), other.config("o2", unit=2)])
    await reload(daemon)
    await other.answered(other.answers[2] + 3, unit=2)
    assert other.connections == 2
    await end()


async def test_other_pauses_begin_all_anew(daemon, device, book):
    """What a conversation takes from elsewhere in the file counts, too."""
    daemon.write([device.config("d1")])
    await daemon.start()
    await device.answered(3)
    daemon.write([device.config("d1")], poll={"retry_first_s": 0.3})
    await reload(daemon)
    await device.answered(device.answers[1] + 3)

    assert device.connections == 2


async def test_without_a_broker(mosquitto, daemon, device, others, book, end):
    """The broker is away while the plant is exchanged: all of it is told when it is back."""
    configurations = variants(device.config("d1"), *others)
    daemon.write(next(configurations))
    await daemon.start()
    await book.until(lambda book: book.readings("d1") > 3)
    mosquitto.stop()
    for devices in itertools.islice(configurations, 3):
        daemon.write(devices)
        await reload(daemon)
        await device.answered(device.answers[1] + 5)
    mosquitto.start()
    await book.emptied(daemon)
    await end()


async def test_with_a_full_disk(daemon, device, others, book, end, tmp_path):
    """Messages wait in RAM; the exchange waits for no disk, and loses nothing that fits there."""
    configurations, full = variants(device.config("d1"), *others), tmp_path / "full"
    daemon.write(next(configurations))
    await daemon.start((sys.executable, "-c", FULL_DISK, "run"), FULL=str(full))
    await device.answered(5)
    full.touch()
    for devices in itertools.islice(configurations, 3):
        daemon.write(devices)
        await reload(daemon)
        await device.answered(device.answers[1] + 10)
    await book.until(lambda book: book.status.get("store", {}).get("fault"))
    full.unlink()
    await book.until(lambda book: book.status.get("store", {}).get("fault", "?") is None)
    await end()


async def test_two_signals_at_once(daemon, device, others, end):
    """They are one reload or two, and nothing is read by halves."""
    configurations = variants(device.config("d1"), *others)
    daemon.write(next(configurations))
    await daemon.start()
    for devices in itertools.islice(configurations, 3):
        daemon.write(devices)
        daemon.send(signal.SIGHUP)
        await reload(daemon)
    await device.answered(device.answers[1] + 3)
    await end()


async def test_a_stop_in_the_middle(daemon, device, others, end):
    """Whenever it comes, it is a good stop, and what was read is told."""
    configurations = variants(device.config("d1"), *others)
    daemon.write(next(configurations))
    await daemon.start()
    await device.answered(5)
    daemon.write(next(configurations))
    daemon.send(signal.SIGHUP)
    async with asyncio.timeout(30):
        while '"reload"' not in (daemon.state_dir / "audit.jsonl").read_text():  # noqa: ASYNC110 - a file
            await asyncio.sleep(0)
    await end()


async def test_a_lost_device_stays_lost(daemon, device, others, book):
    """What was said of it once is known after the reload: the alarm goes on, and ends with its first answer."""
    daemon.write([device.config("d1")])
    await daemon.start()
    await device.answered(3)
    await device.stop()
    id_ = "d1/comm_lost"
    await book.until(lambda book: book.alarms().get(id_, {}).get("active"))
    daemon.write([others[0].config("o1"), device.config("d1")])
    await reload(daemon)
    await others[0].answered(20)
    assert (book.read().alarms()[id_]["active"], book.alarms()[id_]["count"]) == (True, 1)

    await device.start()
    await book.until(lambda book: not book.alarms()[id_]["active"])
    assert book.alarms()[id_]["count"] == 1


async def test_a_device_lost_just_before(daemon, device, others, book):
    """Its alarm comes after its delay, which began before the reload."""
    detectors = [{"detector": "comm_lost", "after_s": 8}]
    daemon.write([device.config("d1")], detectors=detectors)
    await daemon.start()
    await device.answered(3)
    await device.stop()
    await book.until(lambda _: "device_lost" in daemon.log)
    daemon.write([others[0].config("o1"), device.config("d1")], detectors=[{"detector": "comm_lost", "after_s": 7}])
    await reload(daemon)

    await book.until(lambda book: book.alarms().get("d1/comm_lost", {}).get("active"))
