"""What a device refuses stands alone: the good points stay good, the bad address is named once, and asked again."""

import random
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

import pytest
from examples import examples
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from protocols.modbus.codec import Refusal, Request
from protocols.modbus.config import ModbusDevice, ModbusPoint
from protocols.modbus.reading import ASK_AGAIN_AT_ONCE, ASK_AGAIN_READS, ISOLATING_AT_ONCE, Reading
from protocols.model import Batch, EventKind, Quality

BAD = Quality.INVALID | Quality.BAD_REFERENCE


def registers(count):
    return {f"p{n}": f"holding:{n}" for n in range(count)}


async def poll(driver):
    """Read the first scan once: its batch, its events, and how many requests it took."""
    batch, *events = await driver.read(driver.scans[0])
    assert isinstance(batch, Batch)
    return batch, events


def check(batch, bad):
    """Judge that exactly the rows in `bad` are refused, and that every other row has the value of its address."""
    assert [row for row, flags in enumerate(batch.quality.tolist()) if flags] == sorted(bad)
    for row, (value, flags) in enumerate(zip(batch.values.tolist(), batch.quality.tolist(), strict=True)):
        assert (value == row, flags) == ((False, BAD) if row in bad else (True, 0))


@pytest.mark.parametrize("code", [1, 2, 3])
@pytest.mark.parametrize("bad", [{0}, {124}, {125}, {57}, {0, 1, 2}, {3, 60, 124, 125, 199}, {198, 199}], ids=str)
async def test_bad_addresses_are_isolated_within_the_read(peer, connected, bad, code):
    """Wherever they lie in their blocks: the first read already has every good value, and names every bad address."""
    driver = await connected(registers(200))
    peer.refused = dict.fromkeys(((3, address) for address in bad), code)

    batch, events = await poll(driver)

    check(batch, bad)
    assert {event.kind for event in events} == {EventKind.REFUSED}
    assert sorted(event.rows for event in events) == sorted((row,) for row in bad)

    peer.asked.clear()
    batch, events = await poll(driver)

    check(batch, bad)
    assert events == []
    assert len(peer.asked) <= 2 + len(bad)
    assert not [asked for asked in peer.asked if any(asked[1] <= address < asked[1] + asked[2] for address in bad)]


async def test_a_refused_table_does_not_hold_up_the_line(peer, connected):
    """A unit that refuses everything is halved a bounded number of times in a read, until all of it is known."""
    driver = await connected(registers(500))
    peer.refused = dict.fromkeys(((3, address) for address in range(500)), 2)
    known, reads = 0, 0
    while known < 500 and reads < 100:
        before, reads = len(peer.asked), reads + 1
        batch, _ = await poll(driver)
        known = int(sum(flags == BAD for flags in batch.quality.tolist()))

        assert len(peer.asked) - before <= 3 * ISOLATING_AT_ONCE + ASK_AGAIN_AT_ONCE
    assert known == 500


async def test_the_event_names_the_address(peer, connected):
    """Someone must find it in the device's manual."""
    driver = await connected({"va": "holding:104", "vb": "holding:105"})
    peer.refused[3, 105] = 2

    _, [event] = await poll(driver)

    assert (event.device, event.rows) == ("d0", (1,))
    assert event.detail == "holding:105 (point vb): exception 2, illegal data address"


async def test_bits_of_one_register_are_refused_together(peer, connected):
    """Sixteen points in a register are one question, and one event."""
    driver = await connected({**{f"b{n}": f"holding:7.{n}" for n in range(6)}, "ok": "holding:6"})
    peer.refused[3, 7] = 2

    batch, [event] = await poll(driver)

    assert event.detail == "holding:7 (points b0, b1, b2, b3 and 2 more): exception 2, illegal data address"
    assert event.rows == (0, 1, 2, 3, 4, 5)
    assert batch.quality.tolist() == [BAD] * 6 + [0]


async def test_everything_is_refused(peer, connected):
    """All points are bad readings, all are named, and the unit is still asked, so that its silence would be noticed."""
    driver = await connected(registers(20))
    peer.refused = {(3, address): 2 for address in range(20)}

    batch, events = await poll(driver)
    check(batch, set(range(20)))
    assert len(events) == 20

    peer.asked.clear()
    batch, events = await poll(driver)
    check(batch, set(range(20)))
    assert events == []
    assert len(peer.asked) == ASK_AGAIN_AT_ONCE


async def test_a_device_that_only_started_up_is_back_at_once(peer, connected):
    """A unit that refused everything while it booted is whole again with the first read after."""
    driver = await connected(registers(200))
    peer.refused = {(3, address): 2 for address in range(200)}
    _, refused = await poll(driver)
    peer.refused.clear()

    batch, events = await poll(driver)

    check(batch, set())
    assert {event.kind for event in events} == {EventKind.ACCEPTED}
    assert sorted(event.rows for event in events) == sorted(event.rows for event in refused)
    peer.asked.clear()
    await poll(driver)
    assert len(peer.asked) == 2


async def test_a_refused_gap_is_avoided(peer, connected):
    """Addresses nobody asked for may be refused: the points around them are good, and the gap is not read again."""
    driver = await connected({"a": "holding:0", "b": "holding:1", "c": "holding:5", "d": "holding:6", "e": "holding:9"})
    peer.refused[3, 3] = 2
    assert driver.scans[0].requests == 1

    batch, events = await poll(driver)
    assert (batch.values.tolist(), events) == ([0, 1, 5, 6, 9], [])

    peer.asked.clear()
    batch, events = await poll(driver)
    assert (batch.values.tolist(), events) == ([0, 1, 5, 6, 9], [])
    assert peer.asked == [(3, 0, 2), (3, 5, 5)]


async def test_a_device_with_a_smaller_limit_gets_smaller_requests(peer, connected):
    """Some devices refuse more than 50 registers at once with exception 3: the split is remembered."""
    driver = await connected(registers(200))
    peer.most = 50
    for _ in range(3):
        batch, events = await poll(driver)
        check(batch, set())
        assert events == []

    peer.asked.clear()
    await poll(driver)
    assert max(count for _, _, count in peer.asked) <= 50
    assert sum(count for _, _, count in peer.asked) == 200
    assert len(peer.asked) <= 8


async def test_refused_points_are_asked_again_on_reconnect(peer, connected):
    """What answers then is told; what does not is not told again."""
    driver = await connected(registers(10))
    peer.refused = {(3, 2): 2, (3, 7): 2}
    await poll(driver)
    await driver.connect()
    assert (await poll(driver))[1] == []
    del peer.refused[3, 2]
    assert (await poll(driver))[1] == []

    await driver.connect()
    batch, [event] = await poll(driver)

    check(batch, {7})
    assert (event.kind, event.rows) == (EventKind.ACCEPTED, (2,))
    assert event.detail == "holding:2 (point p2): answers again"


async def test_refused_points_are_asked_again_now_and_then(peer, connected):
    """Maps are changed by hand while the connection lives."""
    driver = await connected(registers(4))
    peer.refused = {(3, 2): 2}
    await poll(driver)
    peer.refused.clear()

    told = [event for _ in range(ASK_AGAIN_READS) for event in (await poll(driver))[1]]

    assert [(event.kind, event.rows) for event in told] == [(EventKind.ACCEPTED, (2,))]


async def test_a_storm_of_exceptions(peer, connected):
    """A device that answers everything with changing exceptions gives bad readings or time-outs, and is whole again."""
    driver = await connected(registers(40))
    chance = random.Random(1)
    peer.answer = lambda pdu: bytes([pdu[0] | 0x80, chance.randrange(256) if chance.random() < 0.3 else 2])
    for _ in range(100):
        with suppress(TimeoutError):
            batch, _ = await poll(driver)
            assert batch.quality.all()
    assert len(driver._remarks) <= 2 * 40
    del peer.answer
    for _ in range(2):
        batch, _ = await poll(driver)

    check(batch, set())
    assert len(driver._remarks) == 0


async def test_what_was_found_before_a_time_out_is_told_later(peer, connected):
    """The unit falls silent while bad addresses are isolated: nothing that was learned is lost."""
    driver = await connected({"a": "holding:0", "b": "input:0"})
    peer.refused[3, 0] = 2
    peer.reply = lambda t, u, pdu: peer.honest(t, u, pdu) if pdu[0] == 3 else None
    with pytest.raises(TimeoutError):
        await driver.read(replace(driver.scans[0], timeout_s=0.2))
    peer.reply = peer.honest

    batch, events = await poll(driver)

    assert batch.quality.tolist() == [BAD, 0]
    assert [(event.kind, event.rows) for event in events] == [(EventKind.REFUSED, (0,))]


@examples(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    addresses=st.sets(st.integers(0, 60), min_size=1, max_size=25),
    bad=st.sets(st.integers(0, 60), max_size=12),
    most=st.integers(1, 30),
    gap=st.integers(0, 5),
)
async def test_whatever_a_device_refuses_every_good_point_is_read(addresses, bad, most, gap):
    """Any map, any refused addresses and any limit: one read has it right, and later reads ask for nothing refused."""
    points = [ModbusPoint(name=f"p{a}", address=f"holding:{a}") for a in sorted(addresses)]
    device = ModbusDevice(
        name="d", protocol="modbus", url="tcp://h:1", points=tuple(points), max_gap=gap, max_registers=20
    )
    told, refusals = [], []
    reading = Reading(device, points, lambda positions, refusal: told.append((positions, refusal)))

    async def ask(requests: Sequence[Request]):
        answers = []
        for request in requests:
            answers.append(answer(request))
            if isinstance(answers[-1], Refusal):
                break
        return answers

    def answer(request: Request):
        start, count = int.from_bytes(request.pdu[1:3], "big"), int.from_bytes(request.pdu[3:5], "big")
        span = range(start, start + count)
        if count > most or not bad.isdisjoint(span):
            refusals.append(span)
            return Refusal(3 if count > most else 2)
        return b"".join(address.to_bytes(2, "big") for address in span)

    for _ in range(4):
        values, quality = await reading.read(ask)
        for address, value, flags in zip(sorted(addresses), values.tolist(), quality.tolist(), strict=True):
            assert (value == address, flags) == ((False, BAD) if address in bad else (True, 0))

    refused = [positions for positions, _ in told]
    assert sorted(refused) == [[n] for n, address in enumerate(sorted(addresses)) if address in bad]
    for _ in range(60):
        refusals.clear()
        await reading.read(ask)
        if not refusals or bad.issuperset(addresses):
            return
    raise AssertionError(refusals)
