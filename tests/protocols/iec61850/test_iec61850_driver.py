"""The driver against the simulator's IED: reports first, then data sets, then reads, and nothing lost between."""

import asyncio
import ssl
import time
from dataclasses import replace

import numpy as np
import pytest

from protocols.driver import LinkLost
from protocols.iec61850.config import ReportConfig
from protocols.model import Bookmark, EventKind, Quality
from simulator.iec61850_cid import domain

LD = domain("feeder1")
MEASURED = ("va", "ia", "p", "f")


def points(ied, *names):
    return {name: ied.addresses[name] for name in names}


def block(name, **keys):
    return ReportConfig(block=f"{LD}/LLN0.{name}", **keys)


async def test_values_are_those_of_the_grid(ied, heard):
    """By reads, by a data set and by reports: the same numbers, good, with the device's time."""
    for keys in ({}, {"data_sets": (f"{LD}/LLN0.dsMeas",)}, {"reports": (block("brcbMeas"),)}):
        reader = await heard(ied.port, points(ied, *MEASURED), **keys).connect()
        await reader.poll()
        await reader.until(lambda reader=reader: reader.batches)
        batch = reader.batches[-1]
        await reader.driver.close()

        np.testing.assert_allclose(batch.values, [ied.grid[f"feeder1.{name}"] for name in MEASURED], rtol=1e-6)
        assert not batch.quality.any()
        assert (batch.time_ns > 0).all()


@pytest.mark.parametrize("name", ["brcbState", "urcbState"])
async def test_changes_come_by_themselves(ied, heard, name):
    """Each change of the breaker is a reading of its own, in order, without asking."""
    told = {"cb52": {"address": ied.addresses["cb52"], "type": "bool"}}
    reader = await heard(ied.port, told, reports=(block(name),)).connect()
    await reader.until(lambda: reader.batches)
    for value in (0.0, 1.0, 0.0):
        await ied.set(cb52=value)
        await reader.until(lambda value=value: reader.readings(0)[-1] == value)
    await reader.driver.close()

    readings = reader.readings(0)
    assert [a for a, b in zip(readings, [*readings[1:], None], strict=True) if a != b] == [1.0, 0.0, 1.0, 0.0]


async def test_what_no_report_brings_is_read(ied, heard):
    """One device, both ways: each point once a round."""
    reader = await heard(ied.port, points(ied, "va", "cb52"), reports=(block("brcbMeas"),)).connect()
    first = await reader.poll()
    await reader.until(lambda: reader.readings(0))
    await reader.driver.close()

    assert [batch.rows.tolist() for batch in first] == [[1]]


async def test_a_new_conversation_takes_up_where_the_last_one_ended(ied, heard):
    """Killed without a goodbye: the changes of the meantime come, in order, none twice; then all values."""
    told = points(ied, "cb52")
    reader = await heard(ied.port, told, reports=(block("brcbState"),)).connect()
    await reader.until(lambda: any(isinstance(each, Bookmark) for each in reader.seen))
    mark = [each for each in reader.seen if isinstance(each, Bookmark)][-1]
    reader.driver._session._transport.abort()
    await ied.nobody()
    for value in (0.0, 1.0, 0.0):
        await ied.set(cb52=value)

    again = heard(ied.port, told, reports=(block("brcbState"),), bookmarks={("ied", mark.key): mark.value})
    await again.connect()
    await again.until(lambda: len(again.readings(0)) >= 4)
    await again.driver.close()

    assert again.readings(0) == [1.0, 2.0, 1.0, 1.0]
    assert not again.events("overflow")


async def test_the_last_bookmark_stands_after_its_values(ied, heard):
    """Never before: what is remembered has been handed on."""
    reader = await heard(ied.port, points(ied, *MEASURED), reports=(block("brcbMeas"),)).connect()
    await reader.poll()
    await ied.step()
    seen = []
    while not any(isinstance(each, Bookmark) for each in seen):
        seen = await reader.drain()
        await asyncio.sleep(0.005)
    await reader.driver.close()

    assert isinstance(seen[-1], Bookmark)
    assert seen[-1].key == f"{LD}/LLN0.brcbMeas01"


async def test_a_block_that_somebody_has(ied, heard):
    """The next instance is taken; with none left its points are read, and it is said once."""
    told, keys = points(ied, *MEASURED), {"reports": (block("urcbMeas"),)}
    others = [await heard(ied.port, told, **keys).connect() for _ in range(3)]
    for other in others:
        await other.poll()
        await other.until(lambda other=other: other.batches)
    reader = await heard(ied.port, told, **keys).connect()
    [batch] = [each for each in await reader.poll() if hasattr(each, "values")]
    instances = [other.driver._blocks.configured[0].instance for other in others]
    refused = [event.detail for event in reader.events("refused")]
    for each in (*others, reader):
        await each.driver.close()

    assert instances == ["urcbMeas01", "urcbMeas02", "urcbMeas03"]
    assert batch.rows.tolist() == [0, 1, 2, 3]
    assert len(refused) == 1
    assert "another client has it" in refused[0]


async def test_blocks_are_given_back(ied, heard):
    """After a goodbye the next client has the first instance at once."""
    for _ in range(3):
        reader = await heard(ied.port, points(ied, *MEASURED), reports=(block("brcbMeas"),)).connect()
        await reader.poll()
        instance = reader.driver._blocks.configured[0].instance
        await reader.driver.close()

        assert instance == "brcbMeas01"


async def test_a_bad_point_leaves_the_others_good(ied, heard):
    """One that does not exist, and one that the device refuses; each is said once, and when it answers again."""
    told = {**points(ied, "va", "ia"), "no": f"{LD}/MMXU9.Hz.mag.f[MX]", "text": f"{LD}/MMXU1.Hz.mag.x[MX]"}
    reader = await heard(ied.port, told).connect()
    ied.conduct.refused.add("feeder1.ia")
    for _ in range(3):
        await reader.poll()
    batch = reader.batches[-1]

    bad = Quality.INVALID | Quality.BAD_REFERENCE
    assert batch.quality.tolist() == [0, bad, bad, bad]
    assert np.isnan(batch.values).tolist() == [False, True, True, True]
    assert sorted(row for event in reader.events("refused") for row in event.rows) == [1, 2, 3]

    ied.conduct.refused.clear()
    await reader.poll()
    await reader.driver.close()
    assert reader.batches[-1].quality.tolist() == [0, 0, bad, bad]
    assert [event.rows for event in reader.events("accepted")] == [(1,)]


async def test_a_refused_value_in_a_report_is_bad(ied, heard):
    """The device's own quality tells."""
    reader = await heard(ied.port, points(ied, "va"), reports=(block("brcbMeas"),)).connect()
    await reader.until(lambda: reader.batches)
    ied.conduct.refused.add("feeder1.va")
    await ied.follow()
    await reader.until(lambda: reader.batches[-1].quality[0])
    await reader.driver.close()

    assert reader.batches[-1].quality.tolist() == [Quality.INVALID | Quality.BAD_REFERENCE]


async def test_integrity(ied, heard):
    """Everything again after its period, though nothing has changed."""
    reader = await heard(ied.port, points(ied, "va"), reports=(block("urcbMeas", integrity_s=0.1),)).connect()
    await reader.until(lambda: len(reader.batches) > 4)
    await reader.driver.close()

    assert len(set(reader.readings(0))) == 1


async def test_silence_is_asked(ied, heard):
    """A device without news is asked whether it is there; one that does not answer is silent, and then comes back."""
    reader = await heard(ied.port, points(ied, "cb52"), reports=(block("brcbState"),), heartbeat_s=0.05).connect()
    await reader.until(lambda: reader.batches)
    scan = reader.driver.scans[-1]
    ied.conduct.answers = "silent"
    await asyncio.sleep(0.1)
    with pytest.raises(TimeoutError):
        await reader.driver.read(replace(scan, timeout_s=0.05))
    with pytest.raises(TimeoutError):
        await reader.driver.read(replace(scan, timeout_s=0.05))
    ied.conduct.answers = "well"
    await reader.drain()
    await reader.driver.close()


async def test_a_restart_on_the_same_port(ied, heard):
    """The link is lost, then the values are those of the right points again."""
    told = points(ied, *MEASURED)
    reader = await heard(ied.port, told, reports=(block("brcbMeas"),)).connect()
    await reader.until(lambda: reader.batches)
    await ied.stop()
    assert isinstance(await reader.lost(), LinkLost)
    with pytest.raises((OSError, LinkLost)):
        await reader.connect()
    await ied.step()
    if not ied.serving:
        await ied.start()
    reader.seen.clear()
    await reader.connect()
    await reader.until(lambda: reader.batches)
    await reader.driver.close()

    np.testing.assert_allclose(reader.batches[-1].values, [ied.grid[f"feeder1.{name}"] for name in MEASURED], rtol=1e-6)


async def test_a_clock_that_is_off_is_said(ied, heard):
    """By the time of entry of its reports; the readings keep the device's time."""
    keys = {"reports": (block("urcbMeas", integrity_s=0.1),), "clock": lambda: time.time_ns() + 10_000_000_000}
    reader = await heard(ied.port, points(ied, "va"), **keys).connect()
    await reader.until(lambda: reader.events("clock"))
    await reader.driver.close()

    [event] = reader.events("clock")
    assert "-10.0 s off" in event.detail


async def test_scale_and_offset(ied, heard):
    """Value = raw * scale + offset, by reads and by reports."""
    told = {"va": {"address": ied.addresses["va"], "scale": 0.001, "offset": 1.0}}
    for keys in ({}, {"reports": (block("brcbMeas"),)}):
        reader = await heard(ied.port, told, **keys).connect()
        await reader.poll()
        await reader.until(lambda reader=reader: reader.batches)
        await reader.driver.close()
        assert reader.readings(0)[-1] == pytest.approx(ied.grid["feeder1.va"] / 1000 + 1, rel=1e-6)


async def test_tls(ied, heard, certificates):
    """With our certificate, and only a server that the authority knows."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=certificates.ca)
    context.load_cert_chain(certificates.server, certificates.server_key)
    context.verify_mode = ssl.CERT_REQUIRED
    ours = {"ca_file": certificates.ca, "cert_file": certificates.client, "key_file": certificates.client_key}
    front = await asyncio.start_server(ied._accept, "127.0.0.1", 0, ssl=context)
    url = f"tls://127.0.0.1:{front.sockets[0].getsockname()[1]}"
    reader = await heard(0, points(ied, "va"), **{"url": url, **ours}).connect()
    await reader.poll()
    await reader.driver.close()
    with pytest.raises((OSError, LinkLost)):
        await heard(0, points(ied, "va"), url=url, ca_file=certificates.ca).connect()
    front.close()

    assert reader.readings(0) == pytest.approx([ied.grid["feeder1.va"]], rel=1e-6)


async def test_few_requests_at_once_and_small_messages(ied, heard):
    """One request at a time and messages of 1,000 bytes: more requests, the same values."""
    told = {**points(ied, *ied.addresses), "beh": f"{LD}/LLN0.Beh.stVal[ST]"}
    ied._server.max_pdu_size = 600
    reader = await heard(ied.port, told, max_outstanding=1).connect()
    await reader.poll()
    plan = reader.driver._plan.asked[0]
    await reader.driver.close()

    assert len(plan) > 1
    assert reader.batches[-1].values[:3].tolist() == pytest.approx(
        [ied.grid[f"feeder1.{name}"] for name in ("va", "vb", "vc")], rel=1e-6
    )


async def test_what_the_cyber_checks_are_told(ied, heard):
    """Who it says it is, the revision of a block that is taken, and how far its clock is ahead of ours."""
    reader = await heard(ied.port, points(ied, *MEASURED), reports=(block("brcbMeas"),)).connect()
    await reader.poll()
    await reader.until(lambda: any(each.kind is EventKind.CLOCK for each in reader.told))
    await reader.driver.close()

    told = {each.function: each.facts["value"] for each in reader.told if each.kind is EventKind.IDENTITY}
    assert told["identify"]
    assert told[f"{LD}/LLN0.brcbMeas01 ConfRev"] == "1"
    [first, *_] = [each.facts["offset_s"] for each in reader.told if each.kind is EventKind.CLOCK]
    assert abs(first) < 5
