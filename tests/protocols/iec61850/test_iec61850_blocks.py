"""Taking, configuring and giving back report control blocks, against the simulator's IED."""

import asyncio
import threading
from dataclasses import replace

import pytest

from protocols.iec61850.config import ReportConfig
from simulator.iec61850_cid import domain

LD = domain("feeder1")
PATIENCE_S = 5.0
BLOCK = ReportConfig(block=f"{LD}/LLN0.brcbMeas")


@pytest.fixture
def written(ied):
    """What was written, in its order; what is put into `refused` is answered with that error."""
    return Written(ied)


class Written:
    def __init__(self, ied):
        self.names, self.refused = [], {}
        ied._server.write_hooks.insert(0, self._write)

    def _write(self, _connection, name, _value):
        attribute = name.item.rpartition("$")[2]
        self.names.append(attribute)
        return self.refused.get(attribute)


def reading(ied, heard, **keys):
    return heard(ied.port, {"va": ied.addresses["va"]}, reports=(BLOCK,), **keys)


async def test_in_the_order_of_the_standard(ied, heard, written):
    """Reserved, configured, set to the entry, enabled, interrogated; disabled and freed at the end."""
    reader = await reading(ied, heard).connect()
    await reader.until(lambda: reader.batches)
    await reader.driver.close()

    order = [name for name in written.names if name not in ("OptFlds", "TrgOps", "IntgPd", "BufTm")]
    assert order[:3] == ["ResvTms", "EntryID", "RptEna"]
    assert order[-2:] == ["RptEna", "ResvTms"]
    assert "GI" in order


async def test_what_is_buffered_comes_before_the_block_is_set(ied, heard, written):
    """Settings are written only once its first interrogation has come, while it is disabled; then it goes on."""
    await ied.step()
    reader = await reading(ied, heard).connect()
    await reader.until(lambda: "IntgPd" in written.names and not reader.driver._blocks.configured[0]._unset)
    count = len(reader.batches)
    await ied.step()
    await reader.until(lambda: len(reader.batches) > count)
    await reader.driver.close()

    before = written.names[: written.names.index("IntgPd")]
    assert before.count("RptEna") == 2
    assert before.index("GI") < len(before) - 1


async def test_a_device_that_cannot_be_set(ied, heard, written):
    """It reports as it does, and that is said."""
    written.refused.update(dict.fromkeys(("OptFlds", "TrgOps", "IntgPd"), 3))
    reader = await reading(ied, heard).connect()
    await reader.until(lambda: len(reader.events("refused")) >= 2)
    await reader.until(lambda: reader.batches)
    await reader.driver.close()

    assert all("stays as the device has it" in event.detail for event in reader.events("refused"))


async def test_a_block_without_interrogation(ied, heard, written):
    """Said once; its changes come all the same."""
    written.refused["GI"] = 3
    reader = await reading(ied, heard).connect()
    await reader.poll()
    await ied.step()
    await reader.until(lambda: reader.batches)
    await reader.driver.close()

    assert {event.detail.partition(",")[0] for event in reader.events("refused")} == {
        f"{LD}/LLN0.brcbMeas01: no general interrogation"
    }


@pytest.mark.parametrize("attribute", ["ResvTms", "RptEna"])
async def test_a_block_that_is_not_to_be_had(ied, heard, written, attribute):
    """Its points are read."""
    written.refused[attribute] = 2
    reader = await reading(ied, heard).connect()
    await reader.poll()
    await reader.driver.close()

    assert [batch.rows.tolist() for batch in reader.batches] == [[0]]
    assert "temporarily-unavailable" in reader.events("refused")[0].detail


async def test_a_block_that_was_slow_is_taken_with_the_next_read(ied, heard):
    """A time-out while it is taken is no refusal, and its points are not counted as covered meanwhile."""
    slow = threading.Event()
    ied._server.write_hooks.insert(0, lambda *_: slow.wait(PATIENCE_S) and None)
    reader = await reading(ied, heard, timeout_s=PATIENCE_S).connect()
    with pytest.raises(TimeoutError):
        await reader.driver.read(replace(reader.driver.scans[0], timeout_s=0.2))
    assert not reader.driver._blocks.covered
    slow.set()
    await reader.until(lambda: reader.batches)
    await reader.driver.close()

    assert reader.events("refused") == []


async def test_the_instance_of_before_comes_first(ied, heard):
    """The one whose entry is known goes on without repeating itself."""
    first = await reading(ied, heard).connect()
    await first.poll()
    second = await reading(ied, heard).connect()
    await second.until(lambda: second.driver._blocks.entries)
    await first.driver.close()
    await second.driver.close()
    marks = {("ied", key): value for key, value in second.driver._blocks.entries.items()}
    again = await reading(ied, heard, bookmarks=marks).connect()
    await again.poll()
    instance = again.driver._blocks.configured[0].instance
    await again.driver.close()

    assert instance == "brcbMeas02"


async def test_reports_that_came_before_a_cancelled_read(ied, heard):
    """Are handed on by the next one: cancelling loses nothing."""
    points = {"va": ied.addresses["va"], "cb52": ied.addresses["cb52"]}
    reader = await heard(ied.port, points, reports=(BLOCK,)).connect()
    await reader.poll()
    await reader.until(lambda: reader.readings(0) and not reader.driver._blocks.configured[0]._unset)
    count = len(reader.readings(0))
    await ied.step()
    await reader.wait(lambda: reader.driver._session.reports)
    ied.conduct.answers = "silent"
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await reader.driver.read(reader.driver.scans[0])
    await reader.drain()
    await reader.driver.close()

    assert len(reader.readings(0)) > count


async def test_a_read_without_an_answer_makes_the_next_one_ask(ied, heard):
    """A drain that has nothing to ask does not count as an answer."""
    reader = await heard(ied.port, {"cb52": ied.addresses["cb52"]}, timeout_s=0.3).connect()
    await reader.poll()
    ied.conduct.answers = "silent"
    for scan in reader.driver.scans:
        with pytest.raises(TimeoutError):
            await reader.driver.read(scan)
    ied.conduct.answers = "well"
    await reader.until(lambda: not reader.driver._silent)
    await reader.driver.close()


async def test_a_block_that_is_free_again(ied, heard, written):
    """It is tried again, which is not said each time, then taken, which is; its points come by it from then on."""
    written.refused["RptEna"] = 2
    reader = await reading(ied, heard).connect()
    for _ in range(3):
        reader.driver._blocks._retry_at = 0.0
        await reader.poll()
    assert len(reader.events("refused")) == 1

    written.refused.clear()
    reader.driver._blocks._retry_at = 0.0
    await reader.poll()
    await reader.until(lambda: reader.batches)
    await reader.driver.close()

    assert [event.detail for event in reader.events("accepted")] == [f"{LD}/LLN0.brcbMeas: taken"]
    assert not reader.driver._plan.asked[0]
