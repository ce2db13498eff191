"""What the operator, systemd and the journal get to see: exit codes, sentences, the watchdog, and what is loaded."""

import asyncio
import itertools
import sqlite3
import sys
import time
from contextlib import closing

from gateway.store.schema import VERSION

HANGING = """
import asyncio, pathlib, sys
from gateway.cli import main
from gateway.store.store import Store

folder = pathlib.Path(sys.argv[-1]).parent

async def room(self):
    while (folder / "hang").exists():
        (folder / "hangs").touch()
        await asyncio.sleep(0.05)

Store.room = room
raise SystemExit(main())
"""
"""The daemon with a disk that takes nothing while a file named hang is there; another, hangs, says that it does."""
LOOKS_S = 2.5
"""Ten looks of a watchdog that is fed twice in half a second."""


async def test_bad_configuration(make_daemon, device):
    """Exit code 78, and every fault with its place on standard error."""
    daemon = make_daemon("mqtt://127.0.0.1:1")
    daemon.write([device.config("d1", every_s=0), device.config("d1", unit=300)], uplink={"windows_s": 1})
    daemon.spawn()

    assert await daemon.ended() == 78
    assert all(word in daemon.log for word in ("every_s", "unit", "windows_s", "d1"))
    assert [line.startswith(f"{daemon.file}:") for line in daemon.log.splitlines()] == [True] * 4


async def test_missing_file(make_daemon):
    """Exit code 78 and one sentence."""
    daemon = make_daemon("mqtt://127.0.0.1:1")
    daemon.spawn()

    assert await daemon.ended() == 78
    assert "gateway.yaml" in daemon.log
    assert len(daemon.log.splitlines()) == 1


async def test_store_in_use(make_daemon, device):
    """A second daemon on the same directory: exit code 1 and one sentence that names the first."""
    first, second = make_daemon("mqtt://127.0.0.1:1"), make_daemon("mqtt://127.0.0.1:1")
    first.write([device.config("d1")])
    await first.start()
    second.state_dir = first.state_dir
    second.write([device.config("d1")])
    second.spawn()

    assert await second.ended() == 1
    said = (
        f"store {first.state_dir} is in use by process {first.pid}: stop it, or give this gateway another state_dir\n"
    )
    assert second.log == said


async def test_store_of_a_newer_program(make_daemon, device):
    """The code of a bad configuration, as a start again does not help; one sentence; the store is left as it is."""
    daemon = make_daemon("mqtt://127.0.0.1:1")
    daemon.write([device.config("d1")])
    daemon.state_dir.mkdir()
    store = daemon.state_dir / "store.db"
    with closing(sqlite3.connect(store)) as db:
        db.execute("PRAGMA journal_mode = WAL")  # as every version has it
        db.execute("PRAGMA user_version = 99")
    before = store.read_bytes()
    daemon.spawn()

    assert await daemon.ended() == 78
    assert daemon.log == f"the store has version 99, this program knows {VERSION}: run the newer program again\n"
    assert store.read_bytes() == before


async def test_state_dir_that_cannot_be(daemon, device, book):
    """The disk refuses from the start: said once, polls and status go on, and what was measured is kept for later."""
    daemon.state_dir.write_text("a file where the directory should be")
    daemon.write([device.config("d1")])
    await daemon.start(daemon.patient)
    await book.until(lambda book: (book.status.get("store") or {}).get("fault"))
    await book.until(lambda book: book.status["state"] == "warning")
    await device.answered(10)

    assert daemon.log.count("store_fault") == 1
    assert str(daemon.state_dir) in next(line for line in daemon.log.splitlines() if "store_fault" in line)
    daemon.state_dir.unlink()
    await book.until(lambda book: book.windows("d1") and book.status["store"]["fault"] is None)
    await daemon.stop()
    await book.until(lambda book: book.status.get("reason") == "stopped")
    assert device.answers[1] - book.readings("d1") in (0, 1)


async def test_watchdog(daemon, device, book):
    """Systemd hears of a working pipeline in time; nothing of one that hangs behind its disk while all else is well."""
    daemon.write([device.config("d1")])
    await daemon.start((sys.executable, "-c", HANGING, "run"), WATCHDOG_USEC="500000")
    await book.until(lambda book: book.status.get("online"))
    began_s, began_waiting_s, fed = time.monotonic(), daemon.waited_s(), fedings(daemon)
    await daemon.noticed("WATCHDOG=1", times=fed + 5)
    late_s = daemon.waited_s() - began_waiting_s
    times = [at for at, notice in daemon.notices if "WATCHDOG=1" in notice and at >= began_s]
    assert max(later - earlier for earlier, later in itertools.pairwise(times)) < 0.5 + late_s

    hang = daemon.file.parent / "hang"
    hang.touch()
    async with asyncio.timeout(30):
        while not hang.with_name("hangs").exists():  # noqa: ASYNC110 - a file sends no event
            await asyncio.sleep(0.02)
    fed = fedings(daemon)
    await asyncio.sleep(LOOKS_S)
    assert fedings(daemon) - fed <= 2, "one that was under way, and one of a look at what was before it hung"
    assert book.read().status["online"] is True
    hang.unlink()
    await daemon.noticed("WATCHDOG=1", times=fedings(daemon) + 1)


def fedings(daemon):
    """Return how often the watchdog was fed since the start."""
    return sum("WATCHDOG=1" in notice for _, notice in daemon.notices)


async def test_what_is_loaded(daemon, device, book):
    """A gateway that polls Modbus over MQTT loads nothing of the demo, the tests, the checks or other protocols."""
    daemon.write([device.config("d1")])
    run = "from gateway.cli import main; raise SystemExit(main())"
    await daemon.start((sys.executable, "-X", "importtime", "-c", run, "run"))
    await book.until(lambda book: book.windows("d1"))
    await daemon.stop()

    lines = [line for line in daemon.log.splitlines() if line.startswith("import time:")]
    names = {line.rpartition("|")[2].strip() for line in lines}
    loaded = {name.partition(".")[0] for name in names if "." in name}  # a package that is refused names no module
    assert {"paho", "numpy", "sqlite3", "structlog"} < loaded
    unwanted = {"amqtt", "rich", "hypothesis", "pytest", "asyncua", "dnp3", "simulator", "pydantic", "yaml"}
    assert unwanted & loaded == set()


async def test_alarms_are_not_forgotten_when_the_disk_comes_late(daemon, device, book):
    """A store that cannot be read at the start is read when it can be: an alarm of before ends when its cause has."""
    config = device.config("d1")
    config["points"][0]["limits"] = {"high": 200}
    device.registers[0] = 250
    daemon.write([config])
    await daemon.start()
    await book.until(lambda book: [alarm["active"] for alarm in book.alarms().values()] == [True])
    await daemon.stop()

    away = daemon.state_dir.with_name("away")
    daemon.state_dir.rename(away)
    blocked, back = away.with_name("blocked"), away.with_name("back")
    blocked.write_text("a file where the directory should be")
    daemon.state_dir.symlink_to(blocked)
    back.symlink_to(away)
    device.registers[0] = 100
    await daemon.start()
    await device.answered(10)
    back.replace(daemon.state_dir)  # at once: the gateway makes one where there is none
    await book.until(lambda book: [alarm["state"] for alarm in book.alarms().values()] == ["returned_unacked"])
    await book.until(lambda _: "memory_recovered" in daemon.log)
