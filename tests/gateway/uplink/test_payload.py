"""What messages look like, to the byte."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.model import Severity
from gateway.core.messages import Alarm, AlarmState, Change, Summary
from gateway.store.record import Gap, GapReason, Stream
from gateway.uplink import payload

NS = 1_763_632_800_123_456_789
TIME = "2025-11-20T10:00:00.123Z"


def test_telemetry():
    """A window is what the contract shows, and nothing that does not exist is a number."""
    summary = Summary(
        device="feeder1",
        start_ns=NS,
        length_ns=10_000_000_000,
        points=("va", "vb"),
        count=np.array([10, 0], np.uint32),
        min=np.array([229.8, math.nan]),
        max=np.array([230.4, math.inf]),
        mean=np.array([230.1, -math.inf]),
        last=np.array([230.2, math.nan]),
        quality=np.array([0, 8193], np.uint16),
    )

    assert payload.telemetry(summary, seq=1042, historical=False) == (
        b'{"v":1,"stream":"telemetry","seq":1042,"device":"feeder1","start":"' + TIME.encode() + b'","length_s":10,'
        b'"historical":false,"clock":"free","points":{"va":{"n":10,"min":229.8,"max":230.4,"mean":230.1,"last":230.2,"q":0},'
        b'"vb":{"n":0,"min":null,"max":null,"mean":null,"last":null,"q":8193}}}'
    )


@pytest.mark.parametrize(
    ("merged", "told"),
    [
        ((), {}),
        (((35, 42, 1),), {"covers": [35, 42]}),
        (((2, 32, 10), (42, 42, 1)), {"covers": [2, 42], "numbers": [[2, 32, 10], [42, 42]]}),
    ],
    ids=["one window", "neighbours", "in turns"],
)
def test_merged_windows_tell_their_numbers(merged, told):
    """First and last, and where other devices' numbers lie between exactly which."""
    one, number = np.array([1], np.uint32), np.array([1.0])
    window = Summary("d", NS, 1, ("p",), one, number, number, number, number, np.array([0], np.uint16))
    sent = json.loads(payload.telemetry(window, seq=42, historical=True, merged=merged))

    assert {key: sent[key] for key in ("covers", "numbers") if key in sent} == told


def test_change():
    """A change gives each value its own time, or null where the device gave none."""
    change = Change(
        device="bay",
        time_ns=NS,
        points=("cb52", "p"),
        values=np.array([1.0, math.nan]),
        quality=np.array([0, 1], np.uint16),
        times_ns=np.array([NS, 0], np.int64),
    )

    assert json.loads(payload.change(change, seq=3, historical=True)) == {
        "v": 1,
        "stream": "change",
        "seq": 3,
        "device": "bay",
        "time": TIME,
        "historical": True,
        "clock": "free",
        "points": {"cb52": {"value": 1, "q": 0, "time": TIME}, "p": {"value": None, "q": 1, "time": None}},
    }


def test_alarm():
    """An alarm has every field of the contract; evidence of any kind becomes JSON."""
    alarm = Alarm(
        id="a",
        state=AlarmState.ACTIVE_UNACKED,
        severity=Severity.CRITICAL,
        kind="limit_high",
        detector="limits",
        device="feeder1",
        points=("va",),
        first_ns=NS,
        last_ns=NS,
        count=2,
        text="va 254 V",
        value=254.0,
        expected=math.nan,
        evidence={"mean": np.float64(1.5), "rows": np.array([1, 2]), "nan": math.nan, "set": {3}, "odd": 1j},
        subject="bb1",
        causes=("a fuse", "a wire"),
        advice="look",
        incident="feeder1-3",
        first_out=True,
        suppressed_by="feeder1/comm_lost",
        chattering=True,
    )
    told = json.loads(payload.alarm(alarm, seq=7, historical=False))

    assert told["evidence"] == {"mean": 1.5, "rows": [1, 2], "nan": None, "set": [3], "odd": "1j"}
    assert told | {"evidence": 0} == {
        "v": 1,
        "stream": "alarm",
        "seq": 7,
        "id": "a",
        "state": "active_unacked",
        "severity": "critical",
        "kind": "limit_high",
        "detector": "limits",
        "device": "feeder1",
        "points": ["va"],
        "value": 254.0,
        "expected": None,
        "text": "va 254 V",
        "evidence": 0,
        "technique": None,
        "first": TIME,
        "last": TIME,
        "count": 2,
        "score": 1.0,
        "active": False,
        "acked": True,
        "shelved_until": None,
        "by": "",
        "subject": "bb1",
        "causes": ["a fuse", "a wire"],
        "advice": "look",
        "deviation_percent": None,
        "incident": "feeder1-3",
        "first_out": True,
        "suppressed_by": "feeder1/comm_lost",
        "chattering": True,
        "historical": False,
        "clock": "free",
    }


def test_gap():
    """A gap names its bounds, its reason and what was lost."""
    assert json.loads(payload.gap(Gap(Stream.TELEMETRY, 3, 9, NS, NS, GapReason.BUDGET, 7))) == {
        "v": 1,
        "stream": "telemetry",
        "from_seq": 3,
        "to_seq": 9,
        "start": TIME,
        "end": TIME,
        "reason": "budget",
        "lost": 7,
    }


@given(st.lists(st.floats(width=64), min_size=1, max_size=20))
def test_numbers_survive(values):
    """Any number is the one that its 15 digits say, and one that does not exist is null."""
    n = len(values)
    array = np.array(values)
    zeros = np.zeros(n, np.int64)
    change = Change("d", NS, tuple(f"p{i}" for i in range(n)), array, zeros.astype(np.uint16), zeros)
    points = json.loads(payload.change(change, seq=1, historical=False))["points"].values()
    told = [float(f"{value:.15g}") for value in values]

    assert [value if math.isfinite(value) else None for value in told] == [point["value"] for point in points]


def test_whole_numbers_take_no_point():
    """A register is written as it is, wherever it stands in the message."""
    change = Change("d.0", NS, ("p.0", "q"), np.array([230.0, 1e6]), np.zeros(2, np.uint16), np.zeros(2, np.int64))

    assert payload.change(change, seq=1, historical=False).endswith(
        b'"device":"d.0","time":"2025-11-20T10:00:00.123Z","historical":false,"clock":"free",'
        b'"points":{"p.0":{"value":230,"q":0,"time":null},"q":{"value":1000000,"q":0,"time":null}}}'
    )


def test_evidence_has_a_bottom():
    """Evidence that nests without end is cut, not followed."""
    nest: list[object] = []
    nest.append(nest)

    assert payload.to_json({"nest": nest}).count(b"[") < 20
