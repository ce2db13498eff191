"""A start with nothing there: devices and broker may come in any order, and whatever was stored arrives."""

import asyncio
import sqlite3
from contextlib import closing


async def test_start_with_nothing_reachable(daemon, make_device, mosquitto, book):
    """Ready without broker and devices; both come later: every reading and every alarm since the start is told."""
    mosquitto.stop()
    devices = [make_device() for _ in range(3)]
    lost = {"detector": "comm_lost", "after_s": 0.5}
    daemon.write([device.config(f"d{n}") for n, device in enumerate(devices)], detectors=[lost])
    await daemon.start()
    await asyncio.sleep(1.0)  # long enough for the alarms
    for device in devices:
        await device.start()
    for device in devices:
        await device.answered(15)
    mosquitto.start()
    await book.until(lambda book: all(len(book.windows(f"d{n}")) >= 2 for n in range(3)))
    await daemon.stop()
    await book.until(lambda book: book.status.get("reason") == "stopped")

    for n, device in enumerate(devices):
        assert device.answers[1] - book.readings(f"d{n}") in (0, 1)
        assert book.windows(f"d{n}")[0]["historical"] is True
        states = [alarm["state"] for alarm in book.streams["alarm"].values() if alarm["device"] == f"d{n}"]
        assert states == ["active_unacked", "returned_unacked"]
    assert book.holes() == {}


async def test_start_with_nothing_to_poll(daemon, mosquitto):
    """Without devices it is ready, and tells log and systemd what to do next."""
    mosquitto.stop()
    daemon.write([])
    await daemon.start()

    assert '"event": "nothing_to_poll"' in daemon.log
    assert any(f"STATUS=nothing to poll: name devices in {daemon.file}" in notice for _, notice in daemon.notices)
    await daemon.stop()


async def test_a_newer_store_is_no_reason_to_try_again(daemon):
    """An older program ends with the code after which systemd does not start it again, and says which versions."""
    daemon.write([])
    daemon.state_dir.mkdir()
    with closing(sqlite3.connect(daemon.state_dir / "store.db")) as db:
        db.execute("PRAGMA user_version = 99")
    daemon.spawn()

    assert await daemon.ended() == 78
    assert "the store has version 99, this program knows" in daemon.log
