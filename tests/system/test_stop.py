"""A stop on SIGTERM: over within 2 s whatever hangs, and everything that was measured is told, now or later."""

import socket
import sys

import pytest

from gateway.store.store import HUNG_S

STOP_S = 2.0
DEAD_RESOLVER = """
import socket, time
from gateway.cli import main

getaddrinfo = socket.getaddrinfo

def dead(host, *rest, **how):
    if host == "relay.example":
        time.sleep(15)
    return getaddrinfo(host, *rest, **how)

socket.getaddrinfo = dead
raise SystemExit(main())
"""
"""The daemon on a machine whose resolver does not answer."""
SICK_DISK = """
import errno, os, time
from gateway.cli import main
from gateway.store.disk import Disk

commit = Disk.commit

def sick(self, work):
    if os.path.exists(os.environ["SICK"]):
        CONDUCT
    commit(self, work)

Disk.commit = sick
raise SystemExit(main())
"""
"""The daemon on a disk that falls ill when there is a file of the name SICK."""


@pytest.fixture
def unreachable():
    """Return a port whose listener takes no more connections: a connect hangs there, as behind a dead router."""
    with socket.socket() as listener, socket.socket() as first, socket.socket() as second:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for each in (first, second):
            each.setblocking(False)
            each.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


async def stopped_and_complete(daemon, device, book, url, before_stop):
    """Run, stop, run again with the broker at `url`, stop; check times and that no reading is missing.

    The second run has read the device, and told what the first one left, when it is stopped.
    """
    daemon.write([device.config("d1", every_s=0.05)], uplink={"window_s": 10})
    await daemon.start()
    await before_stop()
    stop_s = await daemon.stop()

    daemon.url = url
    daemon.write([device.config("d1", every_s=0.05)], uplink={"window_s": 10, "backlog_rate_per_s": 10_000})
    await daemon.start()
    await device.answered(device.answers[1] + 2)
    await book.emptied(daemon)
    again_s = await daemon.stop()
    await book.until(lambda book: book.status.get("reason") == "stopped")

    assert max(stop_s, again_s) < STOP_S
    assert device.answers[1] - book.readings("d1") in (0, 1, 2)  # one under way at each stop
    return stop_s


async def test_stop_with_a_good_broker(daemon, device, book, mosquitto):
    """The open window is closed, sent and acknowledged before the end."""
    stop_s = await stopped_and_complete(daemon, device, book, mosquitto.url, lambda: device.answered(20))

    assert stop_s < STOP_S / 2
    assert len(book.windows("d1")) >= 2


async def test_stop_with_a_dead_broker(make_daemon, device, book, mosquitto):
    """Nobody listens at the broker's port: the open window is on disk and is told after the restart."""
    daemon = make_daemon("mqtt://127.0.0.1:1")
    await stopped_and_complete(daemon, device, book, mosquitto.url, lambda: device.answered(20))

    assert book.windows("d1")[0]["historical"] is True


async def test_stop_with_a_broker_that_swallows(make_daemon, device, book, mosquitto, wire):
    """The link dies without a word while connected: what was in flight stays on disk and is told again."""
    daemon = make_daemon(wire.url)

    async def swallow():
        await book.until(lambda book: book.status.get("online"))
        wire.swallow()
        await device.answered(20)

    await stopped_and_complete(daemon, device, book, mosquitto.url, swallow)


async def test_stop_while_all_hangs(make_daemon, device, make_device, unreachable):
    """Devices that never answer, or do not even accept, and a broker like that: a stop waits for none of them."""
    daemon = make_daemon(f"mqtt://127.0.0.1:{unreachable}")
    silent = make_device()
    silent.conduct = silent.silent
    await silent.start()
    sick = [silent.config("silent", timeout_s=30), silent.config("hanging", timeout_s=30)]
    sick[1]["url"] = f"tcp://127.0.0.1:{unreachable}"
    daemon.write([device.config("d1"), *sick])
    await daemon.start()
    await device.answered(5)

    assert await daemon.stop() < STOP_S


async def test_stop_with_a_dead_resolver(daemon, device):
    """Names of devices that nobody resolves hold up neither the other devices nor the stop."""
    lost = [device.config(f"lost{n}", unit=n, timeout_s=0.1) for n in range(2, 12)]
    for n, config in enumerate(lost):
        config["url"] = f"tcp://relay.example:{5020 + n}"
    named = device.config("named")
    named["url"] = f"tcp://localhost:{device.port}"
    daemon.write([*lost, named])
    await daemon.start((sys.executable, "-c", DEAD_RESOLVER, "run"))
    await device.answered(5)

    assert await daemon.stop() < STOP_S


@pytest.mark.parametrize(
    ("conduct", "within_s"),
    [("raise OSError(errno.EIO, 'failing')", STOP_S), ("time.sleep(60)", STOP_S + HUNG_S)],
    ids=["fails", "hangs"],
)
async def test_stop_with_a_sick_disk(make_daemon, device, book, wire, tmp_path, conduct, within_s):
    """The disk refuses, or never answers, while the broker swallows: both have their chance, and the end comes."""
    daemon = make_daemon(wire.url)
    daemon.write([device.config("d1", every_s=0.05)])
    sick = tmp_path / "sick"
    await daemon.start((sys.executable, "-c", SICK_DISK.replace("CONDUCT", conduct), "run"), SICK=str(sick))
    await book.until(lambda book: book.status.get("online"))
    wire.swallow()
    sick.touch()
    await device.answered(device.answers[1] + 30)

    assert await daemon.stop() < within_s
    assert "store_left_behind" in daemon.log
