"""`gridsentinel plan` against a real daemon: memory, requests, what goes to the broker and on disk."""

import asyncio
import sqlite3
import time
from contextlib import closing
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import works
import yaml
from counted import Counted

from gateway.config.loader import load
from gateway.planning.messages import DAY_S
from gateway.planning.plan import plan

DEMO = Path(__file__).resolve().parents[2] / "config/demo.yaml"
PATIENCE_S = 60.0
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
    # a device that tells of changes only has no window while nothing moves
    await book.until(lambda book: min(told := windows(book, devices)) > 0 and sum(told) > 3)
    memory = plan(load(daemon.file)).memory

    assert daemon.rss_kib() * 1024 == pytest.approx(memory.usual, rel=0.25)
    assert daemon.rss_kib() * 1024 < memory.worst


def windows(book, devices):
    """Return how many windows of each device have come."""
    return [len(book.windows(each["name"])) for each in devices]


@pytest.fixture
def moving(make_device):
    """Begin devices whose registers all move with every answer, as measurements do."""

    async def moving(count):
        chance, made = np.random.default_rng(2), [make_device() for _ in range(count)]
        for each in made:
            each.conduct = partial(_moved, each, chance)
            await each.start()
        return made

    return moving


def _moved(device, chance, transport, request):
    device.registers = (3000 + chance.normal(0, 10, 300)).astype(int).tolist()
    device.honest(transport, request)


async def test_requests(daemon, moving):
    """Requests a second, within a quarter; a scan that a busy machine left out counts like those before it."""
    [device] = await moving(1)
    daemon.write([device.config("d1", points=250)])
    await daemon.start()
    foreseen = plan(load(daemon.file))
    await device.answered(10)
    first = (await daemon.asked())["devices"]["d1"]
    began, before = time.monotonic(), len(device.asked_s[1])
    await device.answered(before + 50)
    rate = (len(device.asked_s[1]) - before) / (time.monotonic() - began)
    last = (await daemon.asked())["devices"]["d1"]
    polls, skipped = (last[key] - first[key] for key in ("polls", "skipped"))

    assert rate * (polls + skipped) / polls == pytest.approx(foreseen.lines[0].requests_per_s, rel=0.25)


SEVERAL = 5


@pytest.mark.parametrize(("form", "topic"), [("json", "gridsentinel/#"), ("sparkplug_b", "spBv1.0/#")])
async def test_octets_to_the_broker(daemon, mosquitto, subscribe, moving, form, topic):
    """Of some windows with a status each, counted on the way, acknowledgements and all: within a quarter."""
    heard = await asyncio.to_thread(subscribe, mosquitto, topic)

    def windows():
        return sum("/telemetry/" in message.topic or "/DDATA/" in message.topic for message in heard.messages)

    async with Counted(int(daemon.url.rpartition(":")[2])) as line:
        daemon.url = f"mqtt://127.0.0.1:{line.port}"
        devices = [each.config(f"d{number}", points=250) for number, each in enumerate(await moving(2))]
        daemon.write(devices, uplink={"format": form, "status_every_s": 1})
        await daemon.start()
        await heard.until(lambda _: windows() >= 4)
        line.taken()
        before = windows()
        await heard.until(lambda _: windows() >= before + 2 * SEVERAL)
        counted, told = sum(line.taken()), (windows() - before) / 2
    a_second = plan(load(daemon.file)).wire_bytes_per_day / DAY_S

    assert counted / told == pytest.approx(a_second, rel=0.25)


async def test_octets_on_disk(daemon, moving):
    """What the database grows by, window for window, while there is no broker: within a quarter."""
    daemon.url = "mqtt://127.0.0.1:1"
    devices = [each.config(f"d{number}", points=100) for number, each in enumerate(await moving(5))]
    daemon.write(devices)
    used_bytes, rows = await grown(daemon, 5)
    more_bytes, more_rows = await grown(daemon, 5 * (1 + SEVERAL))
    a_second = plan(load(daemon.file)).disk_bytes_per_day / DAY_S

    assert (more_bytes - used_bytes) / (more_rows - rows) * 5 == pytest.approx(a_second, rel=0.25)


async def grown(daemon, least):
    """Run until so many windows are on disk; return the octets in use in the database, and its windows."""
    await daemon.start()
    async with asyncio.timeout(PATIENCE_S):
        while (await daemon.asked())["store"]["waiting"]["telemetry"] < least:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.1)
    await daemon.stop()
    with closing(sqlite3.connect(daemon.state_dir / "store.db")) as database:
        [(pages, free, size, rows)] = database.execute(
            "SELECT page_count, freelist_count, page_size, (SELECT count(*) FROM telemetry)"
            " FROM pragma_page_count, pragma_freelist_count, pragma_page_size"
        )
    return (pages - free) * size, rows
