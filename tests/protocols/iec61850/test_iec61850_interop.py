"""The driver against libiec61850, an implementation that shares nothing with open61850."""

import asyncio
import time
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import numpy as np
import pytest

from gateway.core.image import Image
from gateway.decode.iec61850 import look, page
from gateway.decode.options import Options
from gateway.poll.poller import Poller, Retry
from gateway.poll.unit import Unit
from protocols.driver import LinkLost
from protocols.iec61850.config import ReportConfig
from protocols.model import Batch, Bookmark, Event, EventKind, Quality

pytestmark = pytest.mark.interop

SMALL = {f"m{index}": f"IED3LD0/GGIO1.AnIn{index + 1:03}.mag.f[MX]" for index in range(10)}
POSITION = {"pos": "IED3LD0/XCBR1.Pos.stVal[ST]"}
BIG = {f"m{index}": f"IED3LD0/GGIO{index // 100 + 1}.AnIn{index % 100 + 1:03}.mag.f[MX]" for index in range(1000)}
MS = 1_000_000


def block(name, **keys):
    return (ReportConfig(block=f"IED3LD0/LLN0.{name}", **keys),)


def marks(reader):
    return {("ied", each.key): each.value for each in reader.seen if isinstance(each, Bookmark)}


async def test_reads(foreign, heard):
    """A thousand variables in batches: values, quality and the device's time."""
    reader = await heard(foreign.port, BIG).connect()
    await reader.poll()
    await foreign.order(f"quality 7 {1 << 1 | 0x0004}")
    await reader.poll()
    await reader.driver.close()

    assert "libiec61850" in reader.events("identity")[0].detail
    first, second = reader.batches
    assert first.values.tolist() == [float(index) for index in range(1000)]
    assert not first.quality.any()
    assert np.abs(first.time_ns - [1_700_000_000_000 * MS + index * MS for index in range(1000)]).max() < 1000
    assert second.quality[7] != 0
    assert not np.delete(second.quality, 7).any()


async def test_a_data_set_of_a_thousand_members(foreign, heard):
    """Read whole in one request."""
    reader = await heard(foreign.port, BIG, data_sets=("IED3LD0/LLN0.dsBig",)).connect()
    await reader.poll()
    await reader.driver.close()

    assert len(reader.driver._plan.asked[0]) == 1
    assert reader.batches[0].values.tolist() == [float(index) for index in range(1000)]


@pytest.mark.parametrize("name", ["urcbMeas", "brcbMeas"])
async def test_reports_with_general_interrogation(foreign, heard, name):
    """All values at once, then each change with its own time."""
    reader = await heard(foreign.port, SMALL | POSITION, reports=block(name)).connect()
    await reader.until(lambda: reader.readings(10))
    assert reader.batches[-1].values.tolist() == [*map(float, range(10)), 0.0]
    now = time.time_ns() // MS
    await foreign.order(f"set 3 77.5 {now}")
    await foreign.order(f"pos 2 {now + 1}")
    await reader.until(lambda: reader.readings(10)[-1] == 2.0)
    await reader.driver.close()

    assert reader.readings(3)[-1] == 77.5
    times = [batch.time_ns[batch.rows == 3] for batch in reader.batches if 3 in batch.rows]
    assert abs(int(times[-1][0]) - now * MS) < 1000
    assert not reader.events("overflow")


async def test_reports_of_a_thousand_members(foreign, heard):
    """Longer than a message: in segments, or whole, all values at their points."""
    reader = await heard(foreign.port, BIG, reports=block("brcbBig", integrity_s=0.2)).connect()
    await reader.until(lambda: reader.readings(999) and reader.readings(0))
    await foreign.set(500, -1.0)
    await reader.until(lambda: reader.readings(500)[-1] == -1.0)
    await reader.driver.close()

    for row in (0, 1, 499, 501, 998, 999):
        assert set(reader.readings(row)) == {float(row)}


async def test_segments(foreign, heard):
    """With small messages the server cuts a report; every member arrives, at its point, and no gap is seen."""
    reader = await heard(foreign.port, BIG, reports=block("brcbBig"), max_pdu=34_500).connect()
    await reader.until(lambda: len({row for batch in reader.batches for row in batch.rows.tolist()}) == 1000)
    await reader.driver.close()

    assert all(set(reader.readings(row)) == {float(row)} for row in range(0, 1000, 37))
    assert not reader.events("overflow")


async def test_what_came_while_the_gateway_was_killed(foreign, heard):
    """Exactly the events of the meantime, in their order, each once; then all values."""
    keys = {"reports": block("brcbMeas", buffer_ms=0)}
    reader = await heard(foreign.port, SMALL, **keys).connect()
    await reader.until(lambda: marks(reader))
    await foreign.set(3, 100.0)
    await reader.until(lambda: reader.readings(3)[-1] == 100.0)
    reader.driver._session._transport.abort()
    await asyncio.sleep(0.2)
    for value in range(101, 121):
        await foreign.set(3, value)

    again = heard(foreign.port, SMALL, bookmarks=marks(reader), **keys)
    await again.connect()
    await again.until(lambda: again.readings(0))
    await again.driver.close()

    assert again.readings(3) == [*map(float, range(101, 121)), 120.0]
    assert not again.events("overflow")


async def test_an_entry_that_the_device_has_not(foreign, heard):
    """Refused: a gap is said, the buffer is replayed, and nothing comes twice."""
    keys = {"reports": block("brcbMeas", buffer_ms=0)}
    reader = await heard(foreign.port, SMALL, **keys).connect()
    await reader.until(lambda: marks(reader))
    reader.driver._session._transport.abort()
    await asyncio.sleep(0.2)
    await foreign.set(3, 50.0)
    [(place, _)] = marks(reader).items()

    again = heard(foreign.port, SMALL, bookmarks={place: b"\xff" * 8}, **keys)
    await again.connect()
    await again.until(lambda: again.readings(3) and again.readings(3)[-1] == 50.0)
    await again.driver.close()

    [event] = again.events("overflow")
    assert "has no entry ffffffffffffffff" in event.detail
    assert "data access error 11" in event.detail


async def test_killed_and_restarted_on_the_same_port(foreign, heard):
    """Lost at once; after the restart the old entry is refused, and every value is at its point."""
    reader = await heard(foreign.port, SMALL, reports=block("brcbMeas")).connect()
    await reader.until(lambda: marks(reader))
    await foreign.kill()
    assert isinstance(await reader.lost(), LinkLost)
    with pytest.raises((OSError, LinkLost)):
        await reader.connect()
    await foreign.start()
    reader.seen.clear()
    await reader.connect()
    await reader.until(lambda: reader.readings(9))
    await reader.driver.close()

    assert reader.batches[-1].values.tolist() == [float(index) for index in range(10)]
    assert len(reader.events("overflow")) == 1


async def test_frozen_for_two_seconds(foreign, heard):
    """Silent, then as before: the changes that it had come, none twice, none at another point."""
    reader = await heard(foreign.port, SMALL, reports=block("brcbMeas", buffer_ms=0), heartbeat_s=0.2).connect()
    await reader.until(lambda: reader.readings(0))
    drain = replace(reader.driver.scans[-1], timeout_s=0.3)
    foreign.freeze()
    timeouts = 0
    async with asyncio.timeout(10):
        began = time.monotonic()
        while time.monotonic() - began < 2:
            try:
                await reader.driver.read(drain)
            except TimeoutError:
                timeouts += 1
            await asyncio.sleep(0.05)
    foreign.resume()
    await foreign.set(3, 42.0)
    await reader.until(lambda: reader.readings(3)[-1] == 42.0)
    late = [event.detail for event in reader.events("late")]
    await reader.driver.close()

    assert timeouts >= 3
    assert late
    assert set(reader.readings(4)) == {4.0}


async def test_an_attribute_that_does_not_exist(foreign, heard):
    """Is refused by name; the others are good."""
    reader = await heard(foreign.port, SMALL | {"no": "IED3LD0/GGIO1.AnIn999.mag.f[MX]"}).connect()
    await reader.poll()
    await reader.driver.close()

    assert reader.batches[0].quality.tolist() == [0] * 10 + [Quality.INVALID | Quality.BAD_REFERENCE]
    assert [event.rows for event in reader.events("refused")] == [(10,)]


async def test_what_came_before_the_first_conversation(foreign, heard):
    """Configuring a block would empty its buffer: what is in there is taken first, each event once."""
    for value in range(101, 111):
        await foreign.set(3, value)
    reader = await heard(foreign.port, SMALL, reports=block("brcbMeas", buffer_ms=0, integrity_s=0.3)).connect()
    await reader.until(lambda: 103.0 in reader.readings(3))
    await reader.until(lambda: len(reader.readings(0)) > 3)
    await foreign.set(3, 111.0)
    await reader.until(lambda: reader.readings(3)[-1] == 111.0)
    await reader.driver.close()

    changes = [a for a, b in zip(reader.readings(3), [None, *reader.readings(3)], strict=False) if a != b]
    assert changes[-11:] == [*map(float, range(101, 112))]
    assert not reader.events("overflow")


async def test_a_block_without_a_name_of_its_own(foreign, heard):
    """Its reports carry its reference instead of a RptID."""
    reader = await heard(foreign.port, SMALL, reports=block("urcbPlain")).connect()
    await reader.until(lambda: reader.readings(9))
    await reader.driver.close()

    assert reader.batches[-1].values.tolist() == [float(index) for index in range(10)]


async def test_a_data_set_that_is_too_much_for_a_message(foreign, heard):
    """Its members do not fit into one: said once, and they are read by themselves, many at once."""
    reader = await heard(foreign.port, BIG, data_sets=("IED3LD0/LLN0.dsBig",), max_pdu=20_000).connect()
    for _ in range(2):
        await reader.poll()
    await reader.driver.close()

    assert [event.detail for event in reader.events("refused")] == [
        "data set IED3LD0/LLN0.dsBig: service error resource, code 0"
    ]
    assert [batch.values.tolist() for batch in reader.batches] == [[float(index) for index in range(1000)]] * 2


class Polled:
    """A driver at work under the poller, and the process image behind it."""

    def __init__(self, driver):
        unit = Unit("ied", 0.3, shared=False)
        retry = Retry(first_s=0.1, max_s=0.2)
        self.poller = Poller(driver, [unit], retry=retry, phase=0, put=self._put, clock=time.time_ns)
        self.image, self.batches, self.events = Image(driver._remarks._points), [], []
        self._news = asyncio.Event()

    async def _put(self, seen):
        if isinstance(seen, Batch):
            self.image.observe(seen)
            self.batches.append(seen)
        elif isinstance(seen, Event):
            self.events.append(seen.kind)
            if seen.kind is EventKind.LOST:
                self.image.lost("ied", seen.time_ns)
        self._news.set()

    async def until(self, holds):
        async with asyncio.timeout(15):
            while not holds():
                self._news.clear()
                await self._news.wait()

    def all_lost(self):
        return (self.image.quality & Quality.COMM_LOST).all()

    def readings(self, row):
        return [float(batch.values[batch.rows == row][0]) for batch in self.batches if row in batch.rows]


@asynccontextmanager
async def polled(driver):
    work = Polled(driver)
    task = asyncio.create_task(work.poller.run())
    try:
        await work.until(lambda: not work.image.quality.any())
        yield work
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


HOW = {"reports": {"reports": block("brcbMeas", buffer_ms=0)}, "reads": {"every_s": 0.2}}


@pytest.mark.parametrize("how", HOW)
async def test_an_outage_by_a_kill(foreign, iec61850, how):
    """Every point is lost, with its last value; then each has its own again, and all that the device saw comes."""
    async with polled(iec61850(foreign.port, SMALL, heartbeat_s=0.3, **HOW[how])) as work:
        await foreign.kill()
        await work.until(work.all_lost)
        lost = work.image.values.tolist()
        work.batches.clear()
        await foreign.start()
        for value in range(201, 206):
            await foreign.set(3, value)
        await work.until(lambda: not work.image.quality.any() and work.image.values[3] == 205.0)

        assert lost == [float(index) for index in range(10)]
        assert work.image.values.tolist() == [0.0, 1.0, 2.0, 205.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0]
        assert all(set(work.readings(row)) <= {0.0, float(row)} for row in range(10) if row != 3)
        if how == "reports":
            assert [value for value in dict.fromkeys(work.readings(3)) if value > 200] == [201.0, 202, 203, 204, 205]


@pytest.mark.parametrize("how", HOW)
async def test_an_outage_by_a_freeze(foreign, iec61850, how):
    """Two seconds of silence: lost, then good again, each value at its own point, and no change is missing."""
    async with polled(iec61850(foreign.port, SMALL, heartbeat_s=0.3, **HOW[how])) as work:
        foreign.freeze()
        await work.until(work.all_lost)
        await asyncio.sleep(2)
        foreign.resume()
        for value in range(301, 306):
            await foreign.set(3, value)
        await work.until(lambda: not work.image.quality.any() and work.image.values[3] == 305.0)

        assert all(set(work.readings(row)) == {float(row)} for row in range(10) if row != 3)
        if how == "reports":
            assert list(dict.fromkeys(work.readings(3))) == [3.0, 301.0, 302, 303, 304, 305]
            assert EventKind.OVERFLOW not in work.events


async def test_what_decode_shows(foreign):
    """Data sets, blocks, and every measurand at its address with its value, over many answers."""
    found = await look(Options(url=f"tcp://127.0.0.1:{foreign.port}", protocol="iec61850", most=5000, timeout_s=5.0))

    assert found["data_sets"]["IED3LD0/LLN0.dsBig"] == 1000
    assert {each["block"] for each in found["blocks"]} >= {"IED3LD0/LLN0.brcbMeas02", "IED3LD0/LLN0.urcbPlain01"}
    shown = {point["address"]: found["now"][point["name"]] for point in found["device"]["points"]}
    assert [float(shown[address]) for address in BIG.values()] == [float(index) for index in range(1000)]
    assert found["whole"]
    assert "{block: IED3LD0/LLN0.brcbBig}" in page(found)
