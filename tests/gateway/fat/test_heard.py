"""The consumer's ear: what counts as the last word."""

import json

from gateway.fat.heard import Heard

TIME = "2026-11-20T10:00:00.000Z"


def telemetry(seq, **point):
    return json.dumps({"stream": "telemetry", "seq": seq, "points": {"va": point}}).encode()


def alarm(active, last=TIME):
    return json.dumps({"stream": "alarm", "seq": 1, "id": "d/va/x", "active": active, "last": last}).encode()


async def test_a_window_without_readings_says_nothing_new():
    """A point that reports by exception is not read in every window; a bad quality is a word of its own."""
    heard = Heard("gridsentinel/s/g")
    heard.take("gridsentinel/s/g/telemetry/d", telemetry(1, n=3, last=5.0, q=0))
    heard.take("gridsentinel/s/g/telemetry/d", telemetry(2, n=0, last=None, q=0))

    assert heard.points["d.va"].value == 5.0
    heard.take("gridsentinel/s/g/telemetry/d", telemetry(3, n=0, last=None, q=8193))
    assert heard.points["d.va"][:2] == (None, 8193)


async def test_what_is_no_json_is_counted():
    """It cannot end the test, and it cannot pass it."""
    heard = Heard("gridsentinel/s/g")
    heard.take("gridsentinel/s/g/alarm", b"\xff{")

    assert (heard.garbled, heard.messages) == (1, 0)


async def test_an_alarm_of_before_is_no_answer():
    """Only what changed since the value was shown counts."""
    heard = Heard("gridsentinel/s/g")
    heard.take("gridsentinel/s/g/alarm", alarm(active=True))
    began_ns = 1_796_000_000 * 10**9

    assert await heard.alarm("d/va/x", active=True, since_ns=began_ns, within_s=0.01) is None
    assert heard.is_active("d/va/x")
    heard.take("gridsentinel/s/g/alarm", alarm(active=True, last="2027-11-20T10:00:00.000Z"))
    assert await heard.alarm("d/va/x", active=True, since_ns=began_ns, within_s=0.01)
