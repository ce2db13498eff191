"""Births, data and deaths on a real Mosquitto, seen packet by packet."""

import asyncio
import json
from dataclasses import replace

import numpy as np
import pytest
from spb import properties

from gateway.core.messages import AlarmState
from gateway.store.record import Gap, GapReason, Stream
from protocols.model import Quality


async def started(stage, **keys):
    """Let the gateway connect and give birth to all."""
    before = stage.wire.accepted
    publisher = stage.start(**keys)
    await stage.until(lambda: len(stage.said("DBIRTH", link=before + 1)) == 2)
    return publisher


async def test_births_come_before_data(stage):
    """NBIRTH, a DBIRTH for each device that answers, then what was stored."""
    stage.edge.put(stage.edge.summary(231.0), stage.edge.change(0.0))
    stage.start()
    await stage.until(lambda: len(stage.said("DDATA")) == 2)

    assert [message.verb for message in stage.said()] == ["NBIRTH", "DBIRTH", "DBIRTH", "DDATA", "DDATA"]


async def test_a_birth_tells_values_units_and_roles(stage):
    """The birth of a device has the last reading of each point with its own time, and what the point is."""
    await started(stage)
    birth = stage.said("DBIRTH")[0]

    assert (birth["va"].double_value, birth["cb"].boolean_value) == (230.5, True)
    assert birth["va"].timestamp == stage.edge.start_ns // 10**6
    assert properties(birth["va"]) == {"engUnit": "V", "bay": "feeder1", "quantity": "voltage", "phase": "a"}
    assert birth["Window/va/mean"].is_null


async def test_a_window_is_told_in_five_metrics_or_one(stage):
    """A live window tells last, mean, min, max and count, or with `last` only the value, as of its last millisecond."""
    await started(stage)
    stage.edge.put(stage.edge.summary(231.0, s=60))
    await stage.until(lambda: stage.said("DDATA"))
    names = {metric.alias: metric.name for metric in stage.said("DBIRTH")[0].payload.metrics}
    told = {names[m.alias]: m for m in stage.said("DDATA")[0].payload.metrics}
    await stage.kill()
    await started(stage, sparkplug_metrics="last")
    few = stage.said("DBIRTH", link=2)[0].names

    assert {name: m.double_value for name, m in told.items() if m.WhichOneof("value") == "double_value"} == {
        "va": 231.5,
        "Window/va/mean": 231.0,
        "Window/va/min": 230.0,
        "Window/va/max": 232.0,
    }
    assert (told["Window/va/count"].long_value, told["Ledger/telemetry"].long_value) == (10, 1)
    assert {m.timestamp for m in told.values()} == {stage.edge.start_ns // 10**6 + 59_999}
    assert sorted(few) == ["Ledger/change", "Ledger/telemetry", "cb", "va"]


async def test_what_has_not_changed_is_not_told_again(stage):
    """The same window a second time leaves only its number to tell."""
    await started(stage)
    stage.edge.put(stage.edge.summary(231.0, s=60), stage.edge.summary(231.0, s=61), stage.edge.summary(232.0, s=62))
    await stage.until(lambda: len(stage.said("DDATA")) == 3)

    assert [len(message.payload.metrics) for message in stage.said("DDATA")] == [6, 1, 5]


async def test_quality_is_told_in_words_of_sparkplug(stage):
    """Good is 192, bad 0, stale 500, and every flag is beside it; a value that does not exist is null."""
    await started(stage)
    flags = [Quality.INVALID, Quality.COMM_LOST, Quality.OLD, Quality.QUESTIONABLE, Quality.GOOD]
    for n, flag in enumerate(flags):
        value = np.nan if flag is Quality.INVALID else 5.0 + n
        stage.edge.put(stage.edge.change(value, point="p", device="feeder2", quality=int(flag), s=60 + n))
        await stage.until(lambda n=n: len(stage.said("DDATA")) == n + 1)
    told = [message.payload.metrics[-1] for message in stage.said("DDATA")]

    assert [tuple(properties(metric).values()) for metric in told] == [
        (0, 1),
        (500, 8192),
        (500, 4),
        (192, 2),
        (192, 0),
    ]
    assert [metric.is_null for metric in told] == [True, False, False, False, False]


async def test_a_lost_device_dies_and_is_born_again(stage):
    """DDEATH as soon as a link is lost, DBIRTH when the device answers again."""
    await started(stage)
    stage.edge.links["feeder2"] = False
    await stage.until(lambda: stage.said("DDEATH"))
    stage.edge.links["feeder2"] = True
    stage.edge.values["feeder2"] = [7.0]
    await stage.until(lambda: len(stage.said("DBIRTH")) == 3)

    assert [(m.verb, m.device) for m in stage.said()][3:] == [("DDEATH", "feeder2"), ("DBIRTH", "feeder2")]
    assert stage.said("DBIRTH")[-1]["p"].double_value == 7.0


async def test_rows_of_a_dead_device_are_told_between_a_birth_and_a_death(stage):
    """What a lost device had said before is delivered, as historical; of what only says that it is lost the number."""
    await started(stage)
    lost = int(Quality.COMM_LOST)
    stage.edge.put(stage.edge.summary(1.0, device="dead", count=0, quality=lost, s=61))
    stage.edge.put(stage.edge.summary(1.0, device="dead", quality=lost, s=62))
    await stage.until(lambda: stage.said("DDEATH"))
    row = stage.said("DDATA")[0]

    assert [(m.verb, m.device) for m in stage.said()][3:] == [
        ("NDATA", ""),
        ("DBIRTH", "dead"),
        ("DDATA", "dead"),
        ("DDEATH", "dead"),
    ]
    assert all(metric.is_historical for metric in row.payload.metrics)
    assert row.payload.metrics[0].long_value == 2
    (spared,) = [text for m in stage.said("NDATA") if (text := m.payload.metrics[0].string_value).startswith("{")]
    assert json.loads(spared) == {"stream": "telemetry", "device": "dead", "seq": 1, "numbers": [[1, 1]]}


async def test_rows_of_an_older_configuration_are_told(stage):
    """A device and points that no configuration has any more are born for their rows."""
    await started(stage)
    del stage.edge.points["feeder1"]["cb"]
    stage.edge.values["feeder1"] = [230.5]
    stage.publishers[0].birth_now()
    await stage.until(lambda: len(stage.said("NBIRTH")) == 2 and len(stage.said("DBIRTH")) == 4)
    stage.edge.put(stage.edge.change(0.0, s=60), stage.edge.summary(5.0, device="gone", s=61))
    await stage.until(lambda: len(stage.said("DDATA")) == 2 and stage.said("DDEATH"))

    assert [(m.verb, m.device) for m in stage.said()][6:] == [
        ("DBIRTH", "feeder1"),
        ("DDATA", "feeder1"),
        ("DBIRTH", "gone"),
        ("DDATA", "gone"),
        ("DDEATH", "gone"),
    ]


async def test_a_reload_is_a_rebirth(stage):
    """Devices that are gone die, then NBIRTH and DBIRTHs name what there is now."""
    publisher = await started(stage)
    del stage.edge.points["feeder2"]
    stage.edge.points["feeder1"]["vb"] = stage.edge.points["feeder1"]["va"]
    stage.edge.values["feeder1"] = [1.0, 1.0, 2.0]
    publisher.birth_now()
    await stage.until(lambda: len(stage.said("DBIRTH")) == 3)

    assert [(m.verb, m.device) for m in stage.said()][3:] == [
        ("DDEATH", "feeder2"),
        ("NBIRTH", ""),
        ("DBIRTH", "feeder1"),
    ]
    assert stage.said("DBIRTH")[-1]["vb"].double_value == 2.0


async def test_an_alarm_reaches_the_host(stage):
    """Each change of state is an NDATA with all of it, and the table of open alarms follows."""
    await started(stage)
    alarm = stage.edge.alarm()
    stage.edge.alarms.append(alarm)
    stage.edge.put(alarm)
    await stage.until(lambda: len(stage.said("NDATA")) == 2)
    names = {metric.alias: metric.name for metric in stage.said("NBIRTH")[0].payload.metrics}
    event, status = ({names[m.alias]: m for m in message.payload.metrics} for message in stage.said("NDATA"))

    assert event["Alarm/Id"].string_value == "feeder1/va/limit_high"
    assert event["Alarm/State"].string_value == AlarmState.ACTIVE_UNACKED.value
    assert event["Ledger/alarm"].long_value == 1
    assert '"kind":"limit_high"' in event["Alarm/Message"].string_value
    assert sorted(status) == ["Alarms/Count", "Alarms/Open", "Health/Score"]
    assert status["Alarms/Open"].dataset_value.rows[0].elements[0].string_value == "feeder1/va/limit_high"


async def test_an_older_alarm_is_history(stage):
    """A change of state that is older than the one that was told does not take its place at the host."""
    await started(stage)
    newer = stage.edge.alarm()
    stage.edge.put(newer)
    await stage.until(lambda: len(stage.said("NDATA")) == 1)
    stage.edge.put(replace(newer, last_ns=newer.last_ns - 10**9))
    await stage.until(lambda: len(stage.said("NDATA")) == 2)
    flags = [{metric.is_historical for metric in message.payload.metrics} for message in stage.said("NDATA")]

    assert flags == [{False}, {True}]


async def test_a_gap_is_told_again_to_a_host_that_missed_it(stage):
    """Like a row, a gap stays in the store for the rolling window: a rebirth brings it again."""
    holes, gone = [Gap(Stream.TELEMETRY, 3, 9, 1, 2, GapReason.BUDGET, 7)], []

    async def gaps():
        return [hole for hole in holes if hole not in gone]

    stage.edge.store.gaps, stage.edge.store.reported = gaps, gone.extend
    await started(stage)
    publisher = stage.publishers[0]
    await stage.until(lambda: gaps_in(stage.said("NDATA")) == 1)
    async with asyncio.timeout(30):
        while publisher.inflight:  # noqa: ASYNC110 - a counter has no event
            await asyncio.sleep(0.01)
    publisher.format._born_s -= 60
    stage.command(Rebirth=True)
    await stage.until(lambda: gaps_in(stage.said("NDATA")) == 2)


def gaps_in(messages):
    return sum('"reason":"budget"' in m.payload.metrics[0].string_value for m in messages)


async def test_a_gap_is_told_and_let_go_of(stage):
    """A hole that the gateway made is a metric of the node; it leaves the store as rows do, at once at a stop."""
    holes = [Gap(Stream.TELEMETRY, 3, 9, 1, 2, GapReason.BUDGET, 7)]

    async def gaps():
        return holes

    def take(gone):
        holes[:] = [hole for hole in holes if hole not in gone]

    stage.edge.store.gaps, stage.edge.store.reported = gaps, take
    await started(stage)
    await stage.until(lambda: gaps_in(stage.said("NDATA")))
    assert holes
    await stage.publishers[0].drain(30.0)

    assert holes == []
    assert '"reason":"budget"' in stage.said("NDATA")[0].payload.metrics[0].string_value


@pytest.mark.parametrize("version", ["5", "3.1.1"])
async def test_a_stop_is_a_death_and_a_goodbye(stage, version):
    """A drain publishes NDEATH and disconnects; everything that was sent has left the store."""
    publisher = stage.start()
    if version == "3.1.1":
        publisher._version = "3.1.1"
    stage.edge.put(stage.edge.summary(231.0))
    await stage.until(lambda: stage.said("DDATA"))
    await publisher.drain(30.0)
    await stage.wire.seen(lambda packet: packet.ours and packet.kind == "disconnect")
    await stage.edge.store.flush()
    kinds = [packet.kind for packet in stage.wire.packets if packet.ours]

    assert kinds[-2:] == ["publish", "disconnect"]
    assert stage.said()[-1].verb == "NDEATH"
    assert not any(stage.edge.store.stats.rows.values())
