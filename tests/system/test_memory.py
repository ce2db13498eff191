"""Memory that does not grow: a minute at 5,000 readings a second, with a broker that comes and goes."""

import asyncio
import statistics

import pytest

DEVICES, POINTS, EVERY_S = 10, 50, 0.1
WARM_S, LONG_S, OUTAGE_S = 15, 60, 3
GROWTH_KIB = 1024
"""More than this between two halves of the time is no noise of the allocator."""


@pytest.mark.slow
async def test_memory_stays(make_daemon, make_device, wire, book):
    """Between the third and the last quarter of the minute the resident memory grows by less than a mebibyte."""
    daemon = make_daemon(wire.url)
    devices = [make_device() for _ in range(DEVICES)]
    for device in devices:
        await device.start()
    config = [device.config(f"d{n}", points=POINTS, every_s=EVERY_S) for n, device in enumerate(devices)]
    for each in config:
        each["points"][2]["deadband"] = 10
    daemon.write(config, uplink={"backlog_rate_per_s": 1000})
    await daemon.start()
    outages = asyncio.create_task(come_and_go(wire))
    await asyncio.sleep(WARM_S)
    sizes = []
    for _ in range(LONG_S):
        await asyncio.sleep(1)
        sizes.append(daemon.rss_kib())
        for device in devices:
            device.registers[2] ^= 255
    outages.cancel()

    third, last = sizes[LONG_S // 2 : LONG_S * 3 // 4], sizes[LONG_S * 3 // 4 :]
    assert statistics.median(last) - statistics.median(third) < GROWTH_KIB, sizes
    assert sum(device.answers[1] for device in devices) * POINTS > 0.9 * 5000 * (WARM_S + LONG_S)


async def come_and_go(wire):
    while True:
        await asyncio.sleep(OUTAGE_S)
        await wire.close()
        await asyncio.sleep(OUTAGE_S)
        await wire.mend()
