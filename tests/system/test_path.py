"""The straight path, from a register to the consumer and back: every kind of message, and commands."""

import time
from datetime import UTC, datetime, timedelta


def limited(device, **keys):
    """Return a device whose p0 has a limit, p2 a dead-band, and whose `breaker` is a bit of register 3."""
    config = device.config("d1", points=2, **keys)
    config["points"][0] |= {"limits": {"high": 200, "hysteresis": 5}, "unit": "V", "role": {"quantity": "voltage"}}
    config["points"].append({"name": "p2", "address": "holding:2", "deadband": 10})
    config["points"].append({"name": "breaker", "address": "holding:3.0"})
    return config


async def test_ready_birth_and_status(daemon, device, mosquitto, book, subscribe):
    """Systemd hears READY; birth and status wait retained for whoever comes later; a killed gateway is told as lost."""
    daemon.write([limited(device)])
    await daemon.start()
    await book.until(lambda book: book.birth and book.status.get("devices", {}).get("d1", {}).get("online"))
    await book.until(lambda book: book.status["state"] == "operational")
    late = subscribe(mosquitto, "gridsentinel/s/g/+")
    await late.until(
        lambda late: {m.topic.rpartition("/")[2] for m in late.messages if m.retain} == {"birth", "status"}
    )

    assert book.birth["devices"]["d1"]["points"]["p0"] == {
        "unit": "V",
        "type": "uint16",
        "role": {"quantity": "voltage"},
    }
    assert book.status["devices"]["d1"]["online"] is True

    await daemon.kill()
    await book.until(lambda book: book.status == {"v": 1, "online": False, "reason": "lost"})


async def test_windows_hold_every_reading(daemon, device, book):
    """Consecutive windows are consecutive readings: n, min, max, mean and last are those of exactly these."""
    daemon.write([limited(device, every_s=0.05)])
    await daemon.start(daemon.patient)
    await book.until(lambda book: len(book.windows("d1")) >= 3)
    await daemon.stop()
    await book.until(lambda book: book.status.get("reason") == "stopped")
    windows = book.windows("d1")
    first = 0
    for window in windows:
        point = window["points"]["p1"]
        last = first + point["n"] - 1
        assert (point["min"], point["max"], point["last"], point["q"]) == (first, last, last, 0)
        assert abs(point["mean"] - (first + last) / 2) < 1e-9
        first = last + 1

    assert device.answers[1] - first in (0, 1)  # one may have been under way when the polls stopped
    assert all(datetime.fromisoformat(window["start"]).microsecond == 0 for window in windows)
    assert [window["length_s"] for window in windows[:-1]] == [1] * (len(windows) - 1)


async def test_changes_at_once(daemon, device, book):
    """A status point and a move beyond the dead-band are told at once; a move within it is not told at all."""
    daemon.write([limited(device)], uplink={"window_s": 3600})
    await daemon.start()
    await book.until(lambda book: book.streams["change"])
    device.registers[2] = 5
    began_s = time.monotonic() - daemon.waited_s()
    device.registers[3] = 1
    await book.until(lambda book: len(book.streams["change"]) == 2)
    device.registers[2] = 50
    await book.until(lambda book: len(book.streams["change"]) == 3)

    assert time.monotonic() - daemon.waited_s() - began_s < 2
    told = [{name: point["value"] for name, point in m["points"].items()} for m in book.streams["change"].values()]
    assert told == [{"p2": 0, "breaker": 0}, {"breaker": 1}, {"p2": 50}]


async def test_life_of_an_alarm(daemon, device, book):
    """Crossed: told within a second; acknowledged, shelved and brought back by command; back: returned to normal."""
    daemon.write([limited(device)])
    await daemon.start()
    await book.until(lambda book: book.status.get("state") == "operational")
    id_ = "d1/p0/limit_high"

    async def state(name):
        await book.until(lambda book: book.alarms().get(id_, {}).get("state") == name)
        return book.alarms()[id_]

    began_s = time.monotonic() - daemon.waited_s()
    device.registers[0] = 250
    alarm = await state("active_unacked")
    assert time.monotonic() - daemon.waited_s() - began_s < 1
    assert (alarm["value"], alarm["expected"], alarm["count"], alarm["points"]) == (250, 200, 1, ["p0"])

    book.command("1", do="ack", alarm=id_, by="anna")
    assert (await state("active_acked"))["by"] == "anna"
    until = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    book.command("2", do="shelve", alarm=id_, until=until, by="anna")
    await state("shelved")
    book.command("3", do="unshelve", alarm=id_, by="anna")
    await state("active_acked")
    device.registers[0] = 198
    await device.answered(device.answers[1] + 3)
    assert book.read().alarms()[id_]["active"] is True  # within the hysteresis
    device.registers[0] = 100
    assert (await state("normal"))["first"] == alarm["first"]
    book.command("4", do="ack", alarm=id_)
    await book.until(lambda book: "4" in book.replies)
    assert [book.replies[n]["ok"] for n in "1234"] == [True, True, True, False]
