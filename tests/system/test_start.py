"""A start with nothing there: devices and broker may come in any order, and whatever was stored arrives."""

import asyncio


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
