"""Long troubles between gateway and a real broker, judged by the consumer: nothing missing, repetitions the same."""

import asyncio
import random
import signal
import time
from pathlib import Path

import pytest
from wire import Fate

KILLS = 20
PATIENT_S = 90.0
"""What an outage left behind has come by then, on a busy machine too."""
SAVES_ALL = ("autosave_on_changes true", "autosave_interval 1", "max_inflight_messages 0")
"""A broker that hands on what it has at once, and whose sessions survive its kill."""

pytestmark = pytest.mark.slow


def flapping(device):
    """Return a device with changes and alarms, and let its values move for ever."""
    config = device.config("d1", points=10)
    config["points"][0]["limits"] = {"high": 200}
    config["points"].append({"name": "breaker", "address": "holding:99.0"})

    async def flap():
        while True:
            await asyncio.sleep(0.3)
            device.registers[99] ^= 1
            device.registers[0] = 300 - device.registers[0]

    return config, asyncio.create_task(flap())


async def finished(daemon, book, moving):
    """Stop what moves, wait for all that was numbered, and return the report."""
    moving.cancel()
    await book.emptied(daemon, PATIENT_S)
    await daemon.stop()
    report = book.ledger.report()
    print(report)  # noqa: T201 - how much it was; shown with -s

    assert book.ledger.complete, report
    assert book.sums("explained") == 0, report
    return report


def unread(port):
    """Return how many bytes from a server at `port` its clients have not read yet."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(int(row[4].split(":")[1], 16) for row in rows if row[2].endswith(f":{port:04X}"))


async def killed(broker):
    """Freeze the broker at any moment, and kill it once all that it has written has been read.

    A message that the broker has acknowledged and not yet handed to anybody's disk or socket dies with it; that is the
    broker's loss, which no client can make up.
    """
    broker.process.send_signal(signal.SIGSTOP)
    for _ in range(2):
        await asyncio.sleep(0.1)
        while unread(broker.port):  # noqa: ASYNC110 - the kernel has no event for it
            await asyncio.sleep(0.02)
    broker.kill()


async def test_a_broker_that_is_killed_often(make_mosquitto, make_daemon, device, make_book):
    """Killed and started again twenty times at random moments."""
    broker = make_mosquitto(*SAVES_ALL)
    broker.start()
    daemon, book = make_daemon(broker.url), make_book(broker)
    config, moving = flapping(device)
    daemon.write([config], uplink={"backlog_rate_per_s": 1000})
    await daemon.start()
    randomly = random.Random(1)
    for _ in range(KILLS):
        came = len(book.read().streams["change"])
        await book.until(lambda book, came=came: len(book.streams["change"]) > came)
        await asyncio.sleep(randomly.uniform(0, 1.5))
        await killed(broker)
        await asyncio.sleep(randomly.uniform(0, 2))
        broker.start()
    report = await finished(daemon, book, moving)

    assert report["change"]["new"] > KILLS


@pytest.mark.parametrize("silent_s", [45, 200])
async def test_a_link_that_is_silent(wire, make_daemon, device, book, silent_s):
    """TCP stays up and every byte is swallowed: with the default keep-alive of 30 s, noticed within 45 s."""
    daemon = make_daemon(wire.url)
    config, moving = flapping(device)
    daemon.write([config], uplink={"keepalive_s": 30, "backlog_rate_per_s": 1000, "retry_max_s": 5})
    await daemon.start()
    await book.until(lambda book: len(book.streams["telemetry"]) >= 3)
    wire.swallow()
    began_s = time.monotonic()
    await asyncio.sleep(silent_s + 1)
    noticed = [line for line in daemon.log.splitlines() if "broker_lost" in line]
    told = sum(map(len, book.read().streams.values()))
    await wire.mend()
    report = await finished(daemon, book, moving)

    assert len(noticed) >= 1
    assert "nothing for 45 s" in noticed[0]
    assert sum(each["new"] for each in report.values()) > told + silent_s
    assert wire.accepted_s[1] - began_s < 45 + 5


async def test_half_the_packets_are_late(wire, make_daemon, device, book):
    """Half of all packets are delayed by 2 s, in both directions, for a minute."""
    daemon = make_daemon(wire.url)
    randomly = random.Random(1)
    wire.treat = lambda _: randomly.choice([Fate.PASS, 2.0])
    config, moving = flapping(device)
    daemon.write([config], uplink={"backlog_rate_per_s": 1000, "keepalive_s": 30})
    await daemon.start()
    await asyncio.sleep(60)
    wire.treat = lambda _: Fate.PASS
    report = await finished(daemon, book, moving)

    assert report["telemetry"]["new"] >= 58
    assert wire.accepted == 1


async def test_a_broker_that_refuses_for_a_minute(make_mosquitto, make_daemon, device, make_book, tmp_path):
    """The broker refuses the password for a minute; the gateway goes on asking, and says so once."""
    broker = make_mosquitto()
    broker.start()
    daemon, book = make_daemon(broker.url), make_book(broker)
    secret = tmp_path / "secret"
    secret.write_text("right")
    secret.chmod(0o600)
    config, moving = flapping(device)
    broker_of = {"username": "gw1", "password_file": str(secret)}
    daemon.write([config], uplink={**broker_of, "retry_max_s": 5, "backlog_rate_per_s": 1000})
    await daemon.start()
    await book.until(lambda book: book.streams["telemetry"])
    welcome = broker.lines
    broker.stop()
    broker.with_user("gw1", "other")
    broker.start()
    await asyncio.sleep(60)
    refusals = [line for line in daemon.log.splitlines() if "refuses user gw1" in line]
    broker.stop()
    broker.lines = welcome
    broker.start()
    report = await finished(daemon, book, moving)

    assert len(refusals) == 1
    assert report["telemetry"]["new"] >= 60
