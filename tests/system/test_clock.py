"""Bad days of the clock: a daemon whose wall clock is a year off, is put right, goes back, and leaps."""

import sys
import time

import pytest

CLOCK = """
import pathlib, sys, time

real, file = time.time_ns, pathlib.Path(sys.argv[-1]).parent / "offset_s"
time.time_ns = lambda: real() + int(float(file.read_text()) * 1e9)

from gateway import app, keeper
from gateway.cli import main

app.FLUSH_S = keeper.STOP_S = 20.0
app.Gateway.__init__.__kwdefaults__["grace_s"] = 20.0
raise SystemExit(main())
"""
"""The daemon with a wall clock that the test sets, whose stop gives disk and broker time."""
YEAR_S = 31_536_000


@pytest.fixture
async def daemon(daemon):
    """Let the test set the wall clock of the daemon."""

    def set_clock(offset_s):
        new = daemon.file.parent / "offset_s.new"
        new.write_text(str(offset_s))
        new.replace(daemon.file.parent / "offset_s")

    daemon.set_clock = set_clock
    daemon.clock = (sys.executable, "-c", CLOCK, "run")
    return daemon


def off_s(told):
    """Return how far the time in a message is from ours."""
    return time.mktime(time.strptime(told[:19], "%Y-%m-%dT%H:%M:%S")) - time.timezone - time.time()


async def stepped(book, by):
    """Wait until a step is told."""
    text = f"clock stepped by {by:+.1f} s"
    await book.until(lambda book: [each for each in book.streams["alarm"].values() if each["text"] == text])


async def test_a_year_off_and_put_right(daemon, device, book):
    """Numbers have no hole, each reading is told once, windows go on at once, and few of them; the step is told."""
    daemon.set_clock(-YEAR_S)
    daemon.write([device.config("d1")], alarms={"chatter_count": 100, "fleeting_count": 100})  # each step is awaited
    await daemon.start(daemon.clock)
    await book.until(lambda book: len(book.windows("d1")) >= 2)
    assert off_s(book.status["since"]) == pytest.approx(-YEAR_S, abs=30)
    began_s, cpu_s = time.monotonic(), daemon.cpu_s()
    for offset_s, before_s in ((0, -YEAR_S), (3600, 0), (0, 3600), (-1, 0)):
        daemon.set_clock(offset_s)
        await stepped(book, offset_s - before_s)
        count = len(book.windows("d1"))
        await book.until(lambda book, count=count: len(book.windows("d1")) >= count + 2)
    passed_s = time.monotonic() - began_s
    busy = (daemon.cpu_s() - cpu_s) / passed_s
    await daemon.stop()
    await book.until(lambda book: book.status.get("reason") == "stopped")
    windows = book.windows("d1")

    assert book.holes() == {}
    assert device.answers[1] - book.readings("d1") in (0, 1)
    assert all(0 <= window["length_s"] <= 1 for window in windows)
    assert len(windows) <= passed_s + 20
    assert busy < 0.5
    assert [round(off_s(window["start"]) / YEAR_S) for window in (windows[0], windows[-1])] == [-1, 0]
    assert daemon.log.count("clock_stepped") == 4


@pytest.mark.parametrize(
    "by_s", [-3600, pytest.param(3600, marks=pytest.mark.slow), pytest.param(YEAR_S, marks=pytest.mark.slow)]
)
async def test_a_delay_is_as_long_as_it_is(daemon, device, book, by_s):
    """An alarm that waits for its delay neither comes with the step nor stays away after it."""
    daemon.set_clock(0)
    config = device.config("d1")
    config["points"][0]["limits"] = {"high": 200, "on_delay_s": 3}
    daemon.write([config])
    await daemon.start(daemon.clock)
    await device.answered(3)
    device.registers[0] = 250
    crossed_s, began_waiting_s = time.monotonic(), daemon.waited_s()
    await device.answered(device.answers[1] + 5)
    daemon.set_clock(by_s)
    await stepped(book, by_s)
    assert "d1/p0/limit_high" not in book.read().alarms() or time.monotonic() - crossed_s > 2.9
    await book.until(lambda book: "d1/p0/limit_high" in book.alarms())

    assert 3 <= time.monotonic() - crossed_s < 8 + daemon.waited_s() - began_waiting_s
