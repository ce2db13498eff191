"""What a person reads: lined up, in colour only where there is any, and nothing that a terminal would obey."""

import pytest

from gateway.local.page import Page, _age

TOLD = {
    "state": "warning", "health": 70, "since": "2026-11-20T09:00:00.000Z", "time": "2026-11-20T11:30:00.000Z",
    "version": "0.1.0", "why": ["1 of 2 devices do not answer"], "clock": "free",
    "devices": {
        "feeder1": {"online": True, "polls": 990, "timeouts": 10, "skipped": 0, "answer_ms": 4.25},
        "b2": {"online": False, "polls": 0, "timeouts": 7, "skipped": 3, "answer_ms": 0.0},
    },
    "alarms": {"count": 14, "worst": [
        {"id": "b2/comm_lost", "state": "active_unacked", "severity": "critical", "text": "b2 is away \x1b[31m\a",
         "first": None, "last": "2026-11-20T11:00:00.000Z", "count": 1, "by": "", "shelved_until": None}]},
    "uplink": {"connected": False, "connects": 1, "published": 9, "acked": 8, "inflight": 1, "last_error": "nobody"},
    "store": {"bytes": 128 * 1024 * 1024, "max_bytes": 256 * 1024 * 1024, "fault": None, "hours_until_full": 5.5,
              "oldest": "2026-11-20T10:00:00.000Z"},
    "ledger": {"telemetry": {"last": 1042, "waiting": 7, "lost": 3}, "alarm": {"last": 2, "waiting": 0, "lost": 0}},
    "lost": [{"stream": "telemetry", "from_seq": 3, "to_seq": 5, "lost": 3, "reason": "budget"}],
}  # fmt: skip
PAGE = """\
warning 70/100  up 2.5 h  version 0.1.0  2026-11-20T11:30:00.000Z  clock not synchronised
  1 of 2 devices do not answer

devices
  device   link     answer  unanswered  scans  skipped
  feeder1  answers  4.2 ms       1.00%    990        0
  b2       silent              100.00%      0        3

alarms
  severity  state           since                     text               id
  critical  active unacked  2026-11-20T11:00:00.000Z  b2 is away ?[31m?  b2/comm_lost
  and 13 more

uplink
  not connected, 1 connection so far; 9 sent, 8 acknowledged, 1 in flight
  last error: nobody

store
  ██████████·········· 128.0 of 256 MiB (50%), full in 5.5 h at the present rate
  oldest message of 2026-11-20T10:00:00.000Z

delivery
  stream     last number  waiting  ever lost
  telemetry         1042        7          3
  alarm                2        0          0
  telemetry 3 to 5: 3 lost, budget"""


def test_the_page():
    """The whole picture on one screen."""
    assert Page(colour=False).status(TOLD) == PAGE


def test_holes_that_nobody_knows():
    """A disk that did not answer is not a disk without holes."""
    assert Page(colour=False).status({**TOLD, "lost": None}) == PAGE.replace(
        "  telemetry 3 to 5: 3 lost, budget", "  which were lost cannot be read from the disk now"
    )


def test_colours_change_no_letter():
    """Without what colours, the page is the same; texts of devices bring no colour of their own."""
    coloured = Page(colour=True).status(TOLD)
    for code in ("0", "1", "2", "31", "32", "33", "1;31", "36"):
        coloured = coloured.replace(f"\x1b[{code}m", "")

    assert [line.rstrip() for line in coloured.splitlines()] == PAGE.splitlines()


def test_points():
    """Value, unit, quality in words, and age."""
    said = Page(colour=False).points({"device": "d", "count": 2, "points": {
        "va": {"value": 230.123456789, "unit": "V", "q": 0, "quality": [], "age_s": 0.5, "time": None},
        "ia": {"value": None, "unit": "A", "q": 8193, "quality": ["invalid", "comm_lost"], "age_s": None,
               "time": "2026-11-20T10:00:00.000Z"},
    }})  # fmt: skip

    assert (
        said
        == """\
d: 2 points

  point    value  unit  quality               age  its own time
  va     230.123  V     good                0.5 s
  ia           -  A     invalid, comm_lost      -  2026-11-20T10:00:00.000Z"""
    )


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "-"), (-1, "0.0 s"), (0.04, "0.0 s"), (9.94, "9.9 s"), (59, "59 s"), (61, "1.0 min"), (600, "10 min"),
     (5400, "1.5 h"), (90_000, "1.0 d"), (864_000, "10 d")],
)  # fmt: skip
def test_durations(seconds, text):
    """In one unit, with two digits that matter."""
    assert _age(seconds) == text


def test_a_device_that_was_never_reached_has_no_rate():
    """Nothing unanswered is not said of one that nothing could be asked."""
    never = {"online": False, "polls": 0, "timeouts": 0, "skipped": 0, "answer_ms": 0.0}
    page = Page(colour=False).status({**TOLD, "devices": {"b3": never}})

    assert "silent" in page
    assert "0.00%" not in page


def test_what_the_alarms_ask_of_an_operator():
    """How fast they come, what is not told and why, and what happened together; nothing of it from an older gateway."""
    alarm = {**TOLD["alarms"]["worst"][0], "first_out": True, "withheld": True}
    told = {
        "count": 1, "worst": [alarm], "suppressed": 12, "shelved": 0, "chattering": 1, "withheld": 0, "standing": 3,
        "rates": {"last_hour": 1, "mean_per_hour": 7.25, "benchmark": "manageable", "flood_percent": 1.5},
        "incidents": [{"id": "b2-7", "priority": "high", "severity": "critical", "active": 2, "count": 5,
                       "last": "2026-11-20T11:00:00.000Z", "text": "b2 is away \x1b[31m"}],
    }  # fmt: skip
    page = Page(colour=False).status({**TOLD, "alarms": told})

    assert page.split("\n\n")[2:4] == [
        """\
alarms
  severity  state                                since                     text               id
  critical  active unacked, first-out, withheld  2026-11-20T11:00:00.000Z  b2 is away ?[31m?  b2/comm_lost
  1 alarm told in the last hour, 7.25 an hour in a day: manageable (EEMUA 191); 1.5 % of the time in flood
  12 suppressed, 1 chattering, 3 standing""",
        """\
incidents
  priority  active  last                      probably began with  id
  high         2/5  2026-11-20T11:00:00.000Z  b2 is away ?[31m     b2-7""",
    ]


def test_lines():
    """How busy each conversation is, and whose it is; a full one stands out."""
    names = [f"b{number}" for number in range(6)]
    lines = [
        {"line": "rtu:///dev/ttyS0?baud=9600", "devices": names, "connected": True, "busy": 0.97},
        {"line": "tcp://10.0.0.2", "devices": ["c1"], "connected": False, "busy": 0.0},
    ]
    page = Page(colour=False).status({**TOLD, "lines": lines})
    section = page.partition("\nlines\n")[2].partition("\n\n")[0].splitlines()

    assert section == [
        "  line                        link     busy  devices",
        "  rtu:///dev/ttyS0?baud=9600  open    97.0%  b0, b1, b2, b3 and 2 more",
        "  tcp://10.0.0.2              closed   0.0%  c1",
    ]
    assert "\x1b[31m97.0%" in Page(colour=True).status({**TOLD, "lines": lines})
