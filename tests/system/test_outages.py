"""Devices of every protocol that are frozen, cut off, killed and started again, through the whole gateway.

Every value says which point it is and when (`field_server.py`), so that one taken for another, and one that is missing,
both show.
"""

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from ports import free_port
from way import Network

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
PROTOCOLS = ("modbus", "dnp3", "iec61850", "opcua")
POINTS = 8
FROZEN_S = 2.0
CUT_S = 1.5
AGAIN = 500
"""What a device that was started again counts from."""
COMM_LOST = 1 << 13
QUANTITIES = ("va", "vb", "vc", "ia", "ib", "ic", "p", "q")
PATIENCE_S = 30.0
RELOADS = 5
EVENTS = ("device_answers", "device_lost")


class Field:
    """One device in a process of its own, behind a way that can be cut."""

    def __init__(self, protocol):
        self.protocol, self.port, self._process = protocol, free_port(), None
        self.way = Network(self.port)

    async def start(self, first=0):
        words = [sys.executable, HERE / "field_server.py", self.protocol, str(self.port), str(first)]
        self._process = await asyncio.to_thread(
            subprocess.Popen, words, stdout=subprocess.PIPE, cwd=HERE.parents[1], start_new_session=True
        )
        assert await asyncio.to_thread(self._process.stdout.readline) == b"ready\n"

    def send(self, number):
        self._process.send_signal(number)

    def kill(self):
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def config(self):
        """Return this device as the configuration names it, its points all told at once when they change."""
        url = f"{'opc.' if self.protocol == 'opcua' else ''}tcp://127.0.0.1:{self.way.place}"
        keys = {
            "modbus": {"every_s": 0.05}, "dnp3": {"outstation": 10, "events_every_s": 0.2, "integrity_every_s": 5},
            "iec61850": {"reports": [{"block": "FEEDER1LD0/LLN0.brcbMeas"}], "every_s": 1},
            "opcua": {"publishing_ms": 100, "sampling_ms": 20},
        }  # fmt: skip
        points = [{"name": f"p{i}", "address": self.address(i), "deadband": 0.5} for i in range(POINTS)]
        name = self.protocol
        return {"name": name, "protocol": name, "url": url, "timeout_s": 1, "points": points, **keys[name]}

    def address(self, index):
        match self.protocol:
            case "modbus":
                return f"holding:{index}"
            case "dnp3":
                return f"analog:{index}"
            case "opcua":
                return f"ns=2;s=n{index}"
        from simulator.iec61850_cid import addresses

        return addresses("feeder1")[QUANTITIES[index]]


@pytest.fixture
async def field(daemon):
    """Return a device of each protocol behind its way, all running and read by the daemon."""
    devices = {protocol: Field(protocol) for protocol in PROTOCOLS}
    try:
        for device in devices.values():
            await device.way.mend()
        await asyncio.gather(*(device.start() for device in devices.values()))
        daemon.write([device.config() for device in devices.values()])
        await daemon.start()
        yield devices
    finally:
        for device in devices.values():
            device.kill()
            await device.way.cut()


def changes(book, protocol):
    """Return what was told of each point of a device, in the order of its numbers: value and quality."""
    told = book.read().streams["change"]
    found = {f"p{i}": [] for i in range(POINTS)}
    for seq in sorted(told):
        if told[seq]["device"] == protocol:
            for name, point in told[seq]["points"].items():
                found[name].append((point["value"], point["q"]))
    return found


def counts(book, protocol):
    """Return how far each point of a device has counted: the k of every good value that was told."""
    return {
        name: [value - 1000 * (int(name[1:]) + 1) for value, q in told if q == 0]
        for name, told in changes(book, protocol).items()
    }


async def counted(book, upto):
    """Wait until every point of every device has been told with a k of `upto` at least."""
    await book.until(
        lambda book: all(k and k[-1] >= upto for each in PROTOCOLS for k in counts(book, each).values()), PATIENCE_S
    )


def newest(book):
    return int(max(k[-1] for each in PROTOCOLS for k in counts(book, each).values() if k))


def check_identity(book):
    """No value was ever told of another point than the one it is of."""
    for protocol in PROTOCOLS:
        for name, told in counts(book, protocol).items():
            assert all(0 <= k < 1000 for k in told), (protocol, name)
        for window in book.windows(protocol):
            for name, point in window["points"].items():
                first = 1000 * (int(name[1:]) + 1)
                assert point["n"] == 0 or point["min"] is None or first <= point["min"] <= point["max"] < first + 1000


def missing(book, protocol, since):
    """Return what was not told of each point from `since` to its last k."""
    return {
        name: sorted(set(range(since, int(max(told)) + 1)) - set(map(int, told)))
        for name, told in counts(book, protocol).items()
    }


async def settled(book):
    """Wait until every device has told some values, and return a k from which on nothing may be missing.

    A report control block that is set for the first time forgets what it has gathered just then.
    """
    await counted(book, 5)
    since = newest(book) + 10
    await counted(book, since)
    return since


async def test_frozen_for_two_seconds_and_resumed(field, book):
    """Devices that tell events lose none; nothing is mistaken; every device is good again."""
    since = await settled(book)
    for device in field.values():
        device.send(signal.SIGSTOP)
    await asyncio.sleep(FROZEN_S)
    for device in field.values():
        device.send(signal.SIGCONT)
    await counted(book, newest(book) + 20)

    check_identity(book)
    for protocol in ("dnp3", "iec61850", "opcua"):
        assert not any(missing(book, protocol, since).values()), protocol


async def test_cut_off_and_joined_again(field, book):
    """What a device keeps meanwhile is told afterwards, with nothing left out; quality tells the outage."""
    since = await settled(book)
    for device in field.values():
        await device.way.cut()
    await told_lost(book)
    await asyncio.sleep(CUT_S)
    for device in field.values():
        await device.way.mend()
    await counted(book, newest(book) + 40)

    check_identity(book)
    for protocol in ("dnp3", "iec61850", "opcua"):
        assert not any(missing(book, protocol, since).values()), protocol


async def test_reloads_of_others(field, daemon, device, book):
    """Another device comes, changes and goes, and all change places: no connection ends, no event is missing."""
    since = await settled(book)
    ours = [each.config() for each in field.values()]
    for turn in range(RELOADS):
        other = device.config("other", points=3 + turn % 2)
        daemon.write([ours, [other, *ours], [*reversed(ours), other]][turn % 3])
        before = sum("READY=1" in notice for _, notice in daemon.notices)
        daemon.send(signal.SIGHUP)
        await daemon.noticed("READY=1", times=before + 1)
    await counted(book, newest(book) + 10)

    check_identity(book)
    for protocol in PROTOCOLS:
        assert [daemon.log.count(f'"device": "{protocol}", "event": "{event}"') for event in EVENTS] == [1, 0], protocol
    for protocol in ("dnp3", "iec61850", "opcua"):
        assert not any(missing(book, protocol, since).values()), protocol


async def test_killed_and_started_again_on_the_same_port(field, book):
    """Every point tells the outage by its quality, and is good again with the first value of the new device."""
    await counted(book, 5)
    for device in field.values():
        device.kill()
    await told_lost(book)
    await asyncio.gather(*(device.start(AGAIN) for device in field.values()))
    await counted(book, AGAIN + 5)

    check_identity(book)
    for protocol in PROTOCOLS:
        for name, told in counts(book, protocol).items():
            first = next(at for at, k in enumerate(told) if k >= AGAIN)
            assert min(told[first:]) >= AGAIN, f"{protocol} {name}: a value of before the restart came after it"


async def told_lost(book):
    """Wait until the newest word of every point is that its device is lost."""

    def lost(book):
        return all(told and told[-1][1] & COMM_LOST for each in PROTOCOLS for told in changes(book, each).values())

    await book.until(lost, PATIENCE_S)
