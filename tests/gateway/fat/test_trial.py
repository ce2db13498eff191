"""The acceptance test itself: the real gateway, servers of every protocol, a real broker, and seeded faults."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from gateway.fat.daemon import Ended
from gateway.fat.row import Row, Verdict, counted
from gateway.fat.trial import Trial

FAST = """\
  - name: m1
    protocol: modbus
    url: tcp://10.0.0.11:502
    every_s: 0.2
    points:
      - {name: va, address: "holding:100", type: float32, unit: V, limits: {high: 253, hysteresis: 1, on_delay_s: 1}}
      - {name: p, address: "input:20", type: int32, order: big_swapped, scale: 0.001, offset: 5}
      - {name: cb, address: "discrete:3"}
      - {name: spring, address: "holding:7.3"}
      - {name: whole, address: "holding:7"}
  - name: d1
    protocol: dnp3
    url: tcp://10.0.0.17:20000
    outstation: 10
    events_every_s: 0.5
    points:
      - {name: i, address: "analog:0", unit: A, scale: 0.5}
      - {name: ds, address: "double:1"}
      - {name: e, address: "counter:4", scale: 10}
"""
OTHERS = """\
  - name: s1
    protocol: modbus
    url: rtu:///dev/ttyS0?baud=19200&parity=E
    unit: 3
    points: [{name: t, address: "input:0", type: int16, scale: 0.1, limits: {high: 90, high_high: 95, severity: info}}]
  - name: s2
    protocol: modbus
    url: rtu+tcp://10.0.0.4:4001
    unit: 4
    points: [{name: e, address: "input:0", type: uint64, order: little}]
  - name: d2
    protocol: dnp3
    url: "serial:///dev/ttyS1?baud=9600"
    outstation: 11
    points: [{name: co, address: "binary_output:0"}, {name: sp, address: "analog_output:0"}]
  - name: r1
    protocol: iec61850
    url: tcp://10.0.0.23
    reports: [{block: IED3LD0/LLN0.brcbMeas}, {block: IED3LD0/LLN0.urcbState01}]
    points:
      - {name: ia, address: "IED3LD0/MMXU1.A.phsA.cVal.mag.f[MX]", unit: A, limits: {high: 400, low: 1, hysteresis: 5}}
      - {name: cb, address: "IED3LD0/XCBR1.Pos.stVal[ST]", type: bool}
      - {name: q0, address: "IED3LD0/XCBR2.Pos.stVal[ST]", type: dbpos}
      - {name: trip, address: "IED3LD0/PTOC1.Op.general[ST]", type: bool}
      - {name: beh, address: "IED3LD0/LLN0.Beh.stVal[ST]"}
      - {name: tap, address: "IED3LD0/YLTC1.TapPos.valWTr.posVal[ST]", type: int64}
      - {name: set, address: "IED3LD0/PTOC1.StrVal.setMag.f[SP]"}
      - {name: wh, address: "IED3LD1/MMTR1.SupWh.actVal[ST]"}
  - name: o1
    protocol: opcua
    url: opc.tcp://10.0.0.30:4840/ua
    points:
      - {name: oil, address: "ns=2;s=T1.Oil", unit: degC, limits: {high: 85}}
      - {name: cb, address: "nsu=urn:plant;i=17", type: bool}
"""
FAULTY = """\
  - name: m1
    protocol: modbus
    url: tcp://10.0.0.11:502
    every_s: 0.2
    points:
      - {name: well, address: "holding:0", limits: {high: 300, hysteresis: 5}}
      - {name: a, address: "holding:10"}
      - {name: b, address: "holding:11"}
      - {name: order, address: "holding:20", type: int32}
      - {name: scale, address: "holding:30", scale: 0.1}
      - {name: limit, address: "holding:40", limits: {high: 300}}
      - {name: early, address: "holding:41", limits: {high: 300, on_delay_s: 1}}
      - {name: bit3, address: "holding:50.3"}
      - {name: bit4, address: "holding:50.4"}
      - {name: unit, address: "holding:60", unit: A}
  - name: dead
    protocol: modbus
    url: tcp://10.0.0.12:502
    every_s: 0.2
    timeout_s: 0.2
    points: [{name: x, address: "holding:0"}]
"""


def failed(rows: list[Row]) -> dict[str, set[str]]:
    """Return the tests that failed, by point or device."""
    found: dict[str, set[str]] = {}
    for row in rows:
        if row.verdict is Verdict.FAIL:
            found.setdefault(row.point or row.device, set()).add(row.test)
    return found


def remarks(rows: list[Row], point: str) -> str:
    return " | ".join(row.remark for row in rows if row.point == point and row.verdict is Verdict.FAIL)


async def test_a_good_configuration_passes_and_says_what_could_not_be_tested(configured):
    """Every value, state, limit, quality and link; a register that its bits share is named with the reason."""
    outcome = await Trial(configured(FAST)).run()
    not_tested = [(row.point, row.remark) for row in outcome.rows if row.verdict is Verdict.NOT_TESTED]
    tests = {row.test for row in outcome.rows}

    assert failed(outcome.rows) == {}
    assert not_tested == [("whole", "its register is also read bit by bit, as spring, and is tested by its bits")]
    assert {"low end", "high end", "negative", "off", "on", "intermediate", "bad", "time of change"} <= tests
    assert {f"high 253 V: {each}" for each in ("inside", "alarm", "hysteresis", "return")} <= tests
    assert {"quality bad", "quality good again", "communication lost", "communication back"} <= tests
    assert [row.device for row in outcome.rows] == sorted(
        (row.device for row in outcome.rows), key=["", "m1", "d1"].index
    )


@pytest.mark.slow
async def test_a_good_configuration_passes_by_sparkplug(configured):
    """The same tests of every point, limit, quality and link, by a host that reads births, data and deaths."""
    config = configured(FAST)
    config = replace(config, uplink=replace(config.uplink, format="sparkplug_b"))
    outcome = await Trial(config).run()
    tests = {row.test for row in outcome.rows}

    assert failed(outcome.rows) == {}
    assert {"high end", "on", "bad", "time of change", "quality bad", "communication lost", "birth message"} <= tests


@pytest.mark.slow
async def test_a_good_configuration_of_every_protocol_passes(configured):
    """Modbus by all its ways, DNP3 by network and line, IEC 61850 with reports, OPC UA."""
    outcome = await Trial(configured(FAST + OTHERS)).run()

    assert failed(outcome.rows) == {}
    assert counted(outcome.rows)[Verdict.PASS] > 150


@pytest.mark.slow
async def test_every_seeded_fault_is_found_and_nothing_else_is_blamed(configured):
    """Exchanged addresses, order, scale, bits, a limit that is not reported, one without delay, a dead device."""
    config = configured(FAULTY)
    served = changed(
        config,
        a={"address": "holding:11"},
        b={"address": "holding:10"},
        order={"order": "big_swapped"},
        scale={"scale": 1.0},
        bit3={"address": "holding:50.4"},
        bit4={"address": "holding:50.5"},
    )
    served = replace(served, devices=(served.devices[0], replace(served.devices[1], unit=9)))
    limits = config.devices[0].points[5].limits
    running = changed(
        config,
        limit={"limits": replace(limits, high=60_000.0)},
        early={"limits": limits},
        unit={"unit": "kA"},
    )
    outcome = await Trial(config, served=served, running=running, patience_s=5).run()
    found = failed(outcome.rows)

    assert {"a", "b", "order", "scale", "limit", "early", "bit3", "bit4", "dead", "x"} == found.keys() - {""}
    assert "are they exchanged?" in remarks(outcome.rows, "a")
    assert "in the order big_swapped" in remarks(outcome.rows, "order")
    assert "a factor of 0.1: is the scale right?" in remarks(outcome.rows, "scale")
    assert found["limit"] == {"high 300: alarm"}
    assert "too early" in remarks(outcome.rows, "early")
    assert found["dead"] >= {"communication lost"}
    assert "otherwise: m1.unit" in next(row.remark for row in outcome.rows if row.test == "birth message")


async def test_a_gateway_that_ends_by_itself_is_no_result(configured, monkeypatch):
    """What it wrote last is said, and nothing counts as passed."""
    monkeypatch.setattr("gateway.fat.trial.text", lambda _config: "nonsense: true\n")

    with pytest.raises(Ended, match=r"(?s)ended with code 78: .*nonsense"):
        await Trial(configured(FAST)).run()


@pytest.mark.slow
async def test_what_the_gateway_tells_otherwise_is_found(configured):
    """A value a little off, a lost quality, a severity, no return, the time of a change: each at its point."""
    config = configured(TOLD)
    gone: list[int] = []

    def tamper(topic: str, message: Mapping[str, Any]) -> Mapping[str, Any] | None:
        if message.get("stream") == "telemetry" and not gone:
            gone.append(message["seq"])
            return None
        return told_otherwise(message)

    outcome = await Trial(config, tamper=tamper, patience_s=5).run()
    found = failed(outcome.rows)

    assert found.keys() == {"value", "quality", "severity", "returns", "time", ""}
    assert found["quality"] == {"quality bad"}
    assert found["severity"] == {"high 300: alarm"}
    assert found["returns"] == {"high 300: return"}
    assert found["time"] == {"time of change"}
    assert found[""] == {"sequence numbers"}


TOLD = """\
  - name: d1
    protocol: dnp3
    url: tcp://10.0.0.17:20000
    events_every_s: 0.5
    points:
      - {name: value, address: "counter:0"}
      - {name: quality, address: "analog:1"}
      - {name: severity, address: "counter:2", limits: {high: 300}}
      - {name: returns, address: "counter:3", limits: {high: 300}}
      - {name: time, address: "binary:4"}
      - {name: well, address: "analog:5", limits: {high: 300}}
"""


def told_otherwise(message: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return a message of the gateway as one that has a fault would tell it."""
    points = dict(message.get("points", {})) if isinstance(message.get("points"), dict) else {}
    if message.get("stream") == "telemetry":
        last = points["value"]["last"]
        points["value"] |= {"last": last and last * 1.001}
        points["quality"] |= {"q": points["quality"]["q"] & ~1}
        return {**message, "points": points}
    if message.get("stream") == "change" and "time" in points:
        points["time"] |= {"time": "2026-01-01T00:00:00.000Z"}
        return {**message, "points": points}
    if message.get("stream") == "alarm" and "severity" in message["points"]:
        return {**message, "severity": "info"}
    if message.get("stream") == "alarm" and "returns" in message["points"] and not message["active"]:
        return None
    return message


def changed(config, **points):
    """Return `config` with other keys of these points of its first device."""
    first, *others = config.devices
    made = tuple(replace(point, **points.get(point.name, {})) for point in first.points)
    return replace(config, devices=(replace(first, points=made), *others))
