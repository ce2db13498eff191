"""A host that reads Sparkplug by itself hears what the gateway's encoder writes, and nothing that is cut."""

import itertools
import json

import numpy as np
import pytest

from gateway.core.messages import Change, Summary
from gateway.fat.host import Host
from gateway.store.packing import to_record
from gateway.store.record import Row
from gateway.uplink.sparkplug.device import Device
from gateway.uplink.sparkplug.metric import born
from gateway.uplink.sparkplug.wire import DataType, Payload
from protocols.model import Quality

MS = 1_000_000
BEGAN_MS = 1_763_632_800_000
POINTS = {"va": {"unit": "V", "type": "float32", "role": {}}, "cb": {"unit": "", "type": "bool", "role": {}}}


@pytest.fixture
def device():
    made = Device(itertools.count(300), windows=True)
    made.grow(POINTS)
    return made


def window(**last):
    """Return a window in which these values came last."""
    values = np.array(list(last.values()))
    good = np.zeros(len(last), np.uint16)
    return Summary(
        device="d1", start_ns=BEGAN_MS * MS, length_ns=1000 * MS, points=tuple(last), synchronised=True,
        count=np.full(len(last), 9, np.uint32), min=values, max=values, mean=values, last=values, quality=good,
    )  # fmt: skip


def heard(host, verb, body):
    return list(host.read(f"spBv1.0/s/{verb}/g/d1", body))


def test_a_birth_names_what_data_only_numbers(device):
    """Units and types come with the birth; then values, with their stream and number, as a change has them."""
    host = Host("gridsentinel/s/g")
    (_, birth), _ = heard(host, "DBIRTH", device.birth(None, BEGAN_MS))
    message = window(va=-230.5, cb=1.0)
    [(topic, told)] = heard(
        host, "DDATA", device.data(message, Row(7, to_record(message)), historical=False, now_ms=BEGAN_MS + 1000)
    )

    assert birth["devices"]["d1"]["points"] == {
        "va": {"unit": "V", "type": "float64"},
        "cb": {"unit": "", "type": "bool"},
    }
    assert topic == "gridsentinel/s/g/change/d1"
    assert (told["stream"], told["seq"]) == ("telemetry", 7)
    assert {name: (each["value"], each["q"]) for name, each in told["points"].items()} == {
        "va": (-230.5, 0),
        "cb": (1, 0),
    }


def test_a_change_has_its_quality_and_time(device):
    """And no value where there is none."""
    host = Host("gridsentinel/s/g")
    heard(host, "DBIRTH", device.birth(None, BEGAN_MS))
    bad = Quality.INVALID
    message = Change(
        device="d1", time_ns=(BEGAN_MS + 5) * MS, points=("va",), values=np.array([np.nan]),
        quality=np.array([bad], np.uint16), times_ns=np.array([(BEGAN_MS + 4) * MS]), synchronised=True,
    )  # fmt: skip
    [(_, told)] = heard(
        host, "DDATA", device.data(message, Row(1, to_record(message)), historical=False, now_ms=BEGAN_MS + 6)
    )

    assert told["points"] == {"va": {"value": None, "q": int(bad), "time": "2025-11-20T10:00:00.004000+00:00"}}


def test_a_death_loses_every_point(device):
    """Each is told as lost, as a host must take it."""
    host = Host("gridsentinel/s/g")
    heard(host, "DBIRTH", device.birth(None, BEGAN_MS))
    [(_, told)] = heard(host, "DDEATH", device.death(BEGAN_MS))

    assert {name: each["q"] for name, each in told["points"].items()} == dict.fromkeys(POINTS, int(Quality.COMM_LOST))


def test_an_alarm_is_what_it_says():
    """The message of a metric of the node, as docs/mqtt.md has it."""
    payload, alarm = Payload(timestamp=1), {"id": "d1/comm_lost", "seq": 3, "stream": "alarm"}
    born(payload, "Alarm/Message", 1, DataType.STRING, json.dumps(alarm), 1)
    host = Host("gridsentinel/s/g")

    assert list(host.read("spBv1.0/s/NDATA/g", payload.SerializeToString())) == [("gridsentinel/s/g/alarm", alarm)]


def test_a_payload_that_is_cut_is_none(device):
    """At whatever octet, but between two metrics: it is refused as a whole."""
    body = device.birth(None, BEGAN_MS)
    whole = []
    for length in range(len(body)):
        try:
            whole.append(heard(Host("gridsentinel/s/g"), "DBIRTH", body[:length]))
        except ValueError:
            continue

    assert len(whole) == 1 + 1 + 2 + len(POINTS) + 4 - 1  # nothing, the time, and each metric but the last
