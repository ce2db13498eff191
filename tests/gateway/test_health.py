"""The health: one number, one word, and why."""

import socket
from contextlib import suppress

import pytest

from detectors.detector import Learned
from detectors.model import Severity
from gateway.core.messages import Alarm, AlarmState
from gateway.health import judge, notify
from gateway.number import number_of


def alarm(severity="warning", **keys):
    told = {"id": "d/k", "state": AlarmState.ACTIVE_UNACKED, "kind": "k", "detector": "k", "device": "d", "points": ()}
    told |= {"first_ns": 1, "last_ns": 1, "count": 1, "text": "t", "active": True, "acked": False}
    return Alarm(severity=Severity(severity), **{**told, **keys})


@pytest.mark.parametrize(("hours", "score"), [(None, 100), (24.0, 100), (23.9, 90), (0.1, 90)])
def test_a_store_that_is_full_soon(hours, score):
    """Within a day it takes points off, and says in how many hours."""
    health = judge({"d": True}, (), None, hours)

    assert health.score == score
    assert health.why == (() if score == 100 else (f"store: full in {hours:g} h at the present rate",))


def test_everything_at_once():
    """Never below nothing, and each reason is told."""
    health = judge({"a": False, "b": False}, (), "disk full", 0.0)

    assert (health.score, health.state) == (0, "critical")
    assert health.why[1:] == ("store: disk full", "store: full, the oldest telemetry fades")


@pytest.mark.parametrize(
    ("severities", "score", "state"),
    [
        (["info"], 100, "operational"),
        (["warning"] * 50, 90, "operational"),
        (["critical"], 75, "warning"),
        (["critical"] * 4, 72, "warning"),
        (["critical"] * 40, 65, "degraded"),
        (["emergency", *["critical"] * 9, "warning"], 41, "degraded"),
        (["emergency"] * 12, 40, "degraded"),
    ],
)
def test_the_worst_alarm_and_how_many_more(severities, score, state):
    """The worst counts, and each further one that is critical or worse a point, up to ten."""
    health = judge({}, [alarm(severity) for severity in severities], None)

    assert (health.score, health.state) == (score, state)
    assert health.why[0] == f"{number_of(len(severities), 'active alarm')}, the worst {severities[0]}: t"


def test_what_is_not_looked_at_is_told_and_costs_nothing():
    """Suppressed and shelved alarms, and checks that still learn: the operator must know of them."""
    alarms = [alarm("critical", suppressed_by="bay1/comm_lost") for _ in range(2)]
    alarms += [alarm("emergency", shelved_until_ns=1), alarm(active=False, shelved_until_ns=1)]
    learned = [Learned("a", "ready", 1.0), Learned("b", "learning", 0.5), Learned("c", "learning", 0.25)]
    health = judge({"d": True}, alarms, None, None, learned)

    assert (health.score, health.state) == (100, "operational")
    assert health.why == (
        "2 alarms are suppressed by design, as they follow from bay1/comm_lost",
        "1 active alarm is shelved",
        "2 of 3 checks still learn what is normal, the least is 25% done",
    )


def test_a_flood():
    """It takes points of its own, as somebody may overlook what matters."""
    health = judge({}, [alarm(id="gateway/alarm_flood")], None)

    assert (health.score, health.why[1]) == (
        80, "more alarms come than an operator can take: those below critical are told in a summary"
    )  # fmt: skip


@pytest.fixture
def systemd(monkeypatch, tmp_path):
    """Return the socket on which systemd listens."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield listening


def test_systemd_is_told(systemd):
    """One notice, one datagram."""
    notify("READY=1")

    assert systemd.recv(100) == b"READY=1"


def test_systemd_is_gone(systemd, tmp_path):
    """Nobody listens any more, or there is no socket: that stops nobody."""
    systemd.close()
    notify("WATCHDOG=1")
    (tmp_path / "notify").unlink()
    notify("WATCHDOG=1")


def test_systemd_does_not_read(systemd):
    """A full queue holds up nobody; what was sent before is there."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        other.setblocking(False)
        with suppress(BlockingIOError):
            while True:
                other.sendto(b"STATUS=", systemd.getsockname())
    notify("WATCHDOG=1")

    assert systemd.recv(100) == b"STATUS="
