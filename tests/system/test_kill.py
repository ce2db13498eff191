"""Killed at any moment under load: no number missing, none used twice, and every alarm as the devices have it."""

import asyncio
import itertools
import random

import pytest

DEVICES, POINTS, EVERY_S = 8, 20, 0.1  # 1,600 readings a second
LIMIT = 200


def load(devices):
    config = [device.config(f"d{n}", points=POINTS, every_s=EVERY_S) for n, device in enumerate(devices)]
    for device in config:
        device["points"][0]["limits"] = {"high": LIMIT, "severity": "critical"}
        device["points"].append({"name": "breaker", "address": "holding:99.0"})
    return config


async def flap(devices, randomly):
    """Let values cross their limits and breakers switch, for ever."""
    while True:
        device = randomly.choice(devices)
        device.registers[0] = randomly.choice([100, 300])
        device.registers[99] ^= 1
        await asyncio.sleep(randomly.uniform(0.01, 0.05))


async def kill_often(rounds, daemon, mosquitto, devices, randomly):
    """Start and kill, with the broker taken away now and then, and a device too."""
    for turn in range(rounds):
        daemon.spawn()
        if randomly.random() < 0.85:
            await daemon.noticed("READY=1")
        await asyncio.sleep(randomly.uniform(0, 1.2))
        if turn % 3 == 2:
            mosquitto.stop()
            await asyncio.sleep(randomly.uniform(0, 0.5))
            if randomly.random() < 0.5:
                await daemon.kill()
            mosquitto.start()
        if turn % 5 == 4:
            await devices[0].stop()
            await asyncio.sleep(randomly.uniform(0, 0.5))
            await devices[0].start()
        if daemon.running:
            await daemon.kill()


async def survives(rounds, daemon, make_device, mosquitto, book):
    randomly = random.Random(rounds)
    devices = [make_device() for _ in range(DEVICES)]
    for device in devices:
        await device.start()
    daemon.write(
        load(devices), uplink={"backlog_rate_per_s": 2000}, detectors=[{"detector": "comm_lost", "after_s": 0}]
    )
    flapping = asyncio.create_task(flap(devices, randomly))
    await kill_often(rounds, daemon, mosquitto, devices, randomly)
    flapping.cancel()
    await daemon.start()
    for device in devices:
        await device.answered(device.answers[1] + 3)
    await book.emptied()
    await daemon.stop()
    await book.until(lambda book: book.status.get("reason") == "stopped")

    assert book.gaps == {"telemetry": set(), "change": set(), "alarm": set()}
    assert book.differing == []
    assert all(told.keys() == set(range(1, len(told) + 1)) for told in book.streams.values())
    assert min(map(len, book.streams.values())) > rounds
    check_truth(book, devices)
    check_lives(book)


def check_truth(book, devices):
    """The last that was told of each alarm and each breaker is what the devices hold."""
    told = {id_: alarm["active"] for id_, alarm in book.alarms().items()}
    for n, device in enumerate(devices):
        assert told.get(f"d{n}/p0/limit_high", False) is (device.registers[0] > LIMIT)
        assert told.get(f"d{n}/comm_lost", False) is False
        changes = book.streams["change"]
        of_device = [changes[seq] for seq in sorted(changes) if changes[seq]["device"] == f"d{n}"]
        assert of_device[-1]["points"]["breaker"]["value"] == device.registers[99]


def check_lives(book):
    """Nobody acknowledged, so every alarm lived on through all kills: one `first`, and each activation counted once."""
    alarms = sorted(book.streams["alarm"].values(), key=lambda alarm: (alarm["id"], alarm["seq"]))
    assert alarms
    for _, life in itertools.groupby(alarms, key=lambda alarm: alarm["id"]):
        told = list(life)
        assert len({alarm["first"] for alarm in told}) == 1
        assert [alarm["active"] for alarm in told] == [n % 2 == 0 for n in range(len(told))]
        assert [alarm["count"] for alarm in told] == [n // 2 + 1 for n in range(len(told))]


async def test_kill_and_restart(daemon, make_device, mosquitto, book):
    """Six kills: every stream is whole, what came twice was the same, and alarms agree with the devices."""
    await survives(6, daemon, make_device, mosquitto, book)


@pytest.mark.slow
async def test_kill_and_restart_often(daemon, make_device, mosquitto, book):
    """A hundred kills: the same."""
    await survives(100, daemon, make_device, mosquitto, book)
