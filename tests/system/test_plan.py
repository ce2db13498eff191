"""`gridsentinel plan` against a real daemon: memory, requests, and what goes to the broker."""

import json
import time
from pathlib import Path

import numpy as np
import pytest
import works
import yaml

from gateway.config.loader import load
from gateway.planning.messages import windows
from gateway.planning.plan import plan

DEMO = Path(__file__).resolve().parents[2] / "config/demo.yaml"
ROOM = {"limits": {"low": -1, "high": 70_000, "rate_per_s": 1_000_000}}


def large(device, name, points):
    """A device of many points, each with limits, once a second."""
    config = device.config(name, points=points, every_s=1)
    for point in config["points"]:
        point.update(ROOM)
    return config


@pytest.mark.parametrize(("devices", "points"), [(1, 10), (5, 1000)])
async def test_memory(daemon, make_device, book, devices, points):
    """Resident memory at work, within a quarter; and below the worst case."""
    made = [make_device() for _ in range(devices)]
    for each in made:
        each.registers = [7] * 2000
        await each.start()
    daemon.write([large(each, f"d{number}", points) for number, each in enumerate(made)])
    await daemon.start()
    await book.until(lambda book: len(book.windows("d0")) > 5)
    memory = plan(load(daemon.file)).memory

    assert daemon.rss_kib() * 1024 == pytest.approx(memory.usual, rel=0.25)
    assert daemon.rss_kib() * 1024 < memory.worst


@pytest.fixture(scope="module")
def substation():
    """Serve the simulated substation; return the devices of the demonstration, at its servers."""
    with works.substation() as places:
        text = DEMO.read_text()
        for shown, served in places.items():
            text = text.replace(shown, served)
        yield yaml.safe_load(text)["devices"]


@pytest.mark.parametrize("protocol", ["modbus", "dnp3", "iec61850", "opcua"])
async def test_memory_of_every_protocol(daemon, book, substation, protocol):
    """With page, numbers, recording and evidence at work: within a quarter, and below the worst case."""
    devices = [each for each in substation if each["protocol"] == protocol and not each["url"].startswith("rtu")]
    token = daemon.file.parent / "token"
    token.write_text("x" * 32)
    token.chmod(0o600)
    users = [{"name": "anna", "token_file": str(token)}]
    page, metrics = {"listen": "127.0.0.1:0", "users": users}, {"listen": "127.0.0.1:0"}
    daemon.write(devices, page=page, metrics=metrics, recorder={})
    await daemon.start()
    await book.until(lambda book: all(len(book.windows(each["name"])) > 3 for each in devices))
    memory = plan(load(daemon.file)).memory

    assert daemon.rss_kib() * 1024 == pytest.approx(memory.usual, rel=0.25)
    assert daemon.rss_kib() * 1024 < memory.worst


async def test_requests_and_messages(daemon, device, book):
    """Requests a second, and octets of a window upstream, within a quarter."""
    chance, began = np.random.default_rng(2), 0.0
    device.registers = [0] * 300
    daemon.write([{**device.config("d1", points=250), "every_s": 0.1}])
    await daemon.start()
    foreseen = plan(load(daemon.file))
    (size,) = windows(load(daemon.file))
    await device.answered(10)
    began, before = time.monotonic(), len(device.asked_s[1])
    while len(book.read().windows("d1")) < 5:
        device.registers[:] = (3000 + chance.normal(0, 10, 300)).astype(int).tolist()
        seen = len(book.windows("d1"))
        await book.until(lambda book: len(book.windows("d1")) > seen)  # noqa: B023 - it is over before the next
    rate = (len(device.asked_s[1]) - before) / (time.monotonic() - began)

    assert rate == pytest.approx(foreseen.lines[0].requests_per_s, rel=0.25)
    bodies = [len(json.dumps(window, separators=(",", ":"))) for window in book.windows("d1")[2:]]
    assert np.mean(bodies) == pytest.approx(size.wire_bytes, rel=0.25)
