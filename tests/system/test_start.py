"""A start with nothing there: devices and broker may come in any order, and whatever was stored arrives."""

import asyncio


async def test_start_with_nothing_reachable(daemon, make_device, mosquitto, book):
    """Ready without broker and devices; both come later: every reading and every alarm since the start is told."""
    mosquitto.stop()
    devices = [make_device() for _ in range(3)]
    lost = {"detector": "comm_lost", "after_s": 0.5}
    daemon.write([device.config(f"d{n}") for n, device in enumerate(devices)], detectors=[lost])
    await daemon.start(daemon.patient)
    while len((await daemon.asked())["alarms"]["worst"]) < len(devices):  # noqa: ASYNC110 - it tells nobody
        await asyncio.sleep(0.05)
    for device in devices:
        await device.start()
    for device in devices:
        await device.answered(15)
    mosquitto.start()
    await book.until(lambda book: all(len(book.windows(f"d{n}")) >= 2 for n in range(3)))
    await book.emptied(daemon)
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
