"""The whole gateway speaking Sparkplug B: from registers to a host, through kills, with nothing missing."""

import asyncio
import random

import pytest
from spb import listen


def numbers(follows, stream):
    """Return the numbers of a stream that a host has, over all devices or of the node."""
    return {value for (_, name, _), value in follows.values.items() if name == f"Ledger/{stream}" and value is not None}


def whole(found):
    """Return whether numbers from 1 on have no hole."""
    return bool(found) and found == set(range(1, max(found) + 1))


async def test_from_a_register_to_a_host(device, daemon, mosquitto, subscribe):
    """A value on the wire of a device is a metric of that device at the host; a stop is a death."""
    heard = await asyncio.to_thread(subscribe, mosquitto, "spBv1.0/#")
    daemon.write([device.config("d1", every_s=0.1)], uplink={"format": "sparkplug_b"})
    await daemon.start()
    await heard.until(lambda heard: whole(numbers(listen(heard.messages), "telemetry")))
    follows = listen(heard.messages)
    await daemon.stop()
    await heard.until(lambda heard: "/NDEATH/" in heard.messages[-1].topic)

    assert follows.faults == []
    assert [name for device, name in follows.now if device == "d1" and "/" not in name]
    assert all(value is not None for (of, name), value in follows.now.items() if of == "d1" and "/" not in name)


@pytest.mark.slow
async def test_killed_at_any_moment(device, daemon, mosquitto, subscribe):
    """Killed ten times while it sends: a host that follows the numbers of each stream finds no hole."""
    heard = await asyncio.to_thread(subscribe, mosquitto, "spBv1.0/#")
    uplink = {"format": "sparkplug_b", "backlog_rate_per_s": 2000}
    devices = [device.config(f"d{n}", every_s=0.05) for n in range(5)]
    for each in devices:
        each["points"][1]["deadband"] = 0
    daemon.write(devices, uplink=uplink)
    for _ in range(10):
        await daemon.start()
        await asyncio.sleep(random.uniform(0.2, 2.5))
        await daemon.kill()
    await daemon.start()
    before = max(numbers(listen(heard.messages), "telemetry"))
    await heard.until(lambda heard: max(numbers(listen(heard.messages), "telemetry")) > before + 20, 30)
    await daemon.stop()
    await heard.until(lambda heard: "/NDEATH/" in heard.messages[-1].topic)
    follows = listen(heard.messages)

    assert follows.sessions >= 5
    assert follows.faults == []
    for stream in ("telemetry", "change"):
        found = numbers(follows, stream)
        assert whole(found), sorted(set(range(1, max(found))) - found)
