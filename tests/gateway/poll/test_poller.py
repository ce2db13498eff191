"""The poller in virtual time: what it tells, when it tries again, and what one device can do to the others."""

import asyncio
from collections import Counter
from itertools import pairwise

import pytest
from structlog.testing import capture_logs

from protocols.driver import LinkLost, Scan
from protocols.model import Batch, Event, EventKind

from .conftest import batch, now_s, scan

LINK = (EventKind.LOST, EventKind.CONNECTED)


async def good(asked):
    """Answer after a moment."""
    await asyncio.sleep(0.01)
    return [batch(asked)]


async def silent(asked):
    """Do not answer in time."""
    await asyncio.sleep(asked.timeout_s)
    raise TimeoutError


async def hang(*_):
    """Do not come back at all."""
    await asyncio.Event().wait()


def failing(error):
    """Return an answer that is always the same failure."""

    async def answer(*_):
        raise error

    return answer


def only(dead, answer=silent):
    """Return what answers for all devices but `dead`."""

    async def choose(asked):
        return await (answer(asked) if asked.device in dead else good(asked))

    return choose


def test_steady(line):
    """A device that answers is read on its grid, every interval once, and told as connected once."""
    subject = line(good)
    subject.run(600.5)

    assert subject.driver.times("a") == pytest.approx(list(range(601)))
    assert subject.events(*LINK) == [("a", "connected")]
    assert sum(isinstance(each, Batch) for _, each in subject.seen) == 601
    assert subject.poller.units["a"].skipped == 0
    assert subject.poller.quickest_s == 1.0


def test_connected_goes_before_the_first_reading(line):
    """Connected is told with the first good answer, not with the connection, and before what was read."""
    began = []

    async def slow_start(asked):
        began.append(now_s())
        return await (silent(asked) if len(began) < 3 else good(asked))

    subject = line(slow_start)
    subject.run(20)

    kinds = [each.kind.value if isinstance(each, Event) else "batch" for _, each in subject.seen]
    assert kinds[:3] == ["lost", "connected", "batch"]
    assert subject.when(EventKind.CONNECTED)[0] > began[2]


@pytest.mark.parametrize(
    "error", [OSError("no route"), ConnectionRefusedError(), TimeoutError(), LinkLost("not this protocol")]
)
def test_lost_once_per_outage(line, error):
    """However often it is tried in vain, an outage is told once, with its return."""
    tries = 0

    async def opening():
        nonlocal tries
        tries += 1
        if tries % 10:
            raise error
        return ()

    async def short_lived(asked):
        if now_s() - subject.driver.connects[-1] > 15:
            raise error
        return await good(asked)

    subject = line(short_lived, opening=opening)
    subject.run(900)
    told = subject.events(*LINK)

    assert len(told) > 4
    assert told == [("a", ("lost", "connected")[k % 2]) for k in range(len(told))]


def test_one_lost_frame_is_no_outage(line):
    """A single time-out is counted, not told."""

    async def now_and_then(asked):
        return await (silent(asked) if 9.5 < now_s() % 20 < 10.5 else good(asked))

    subject = line(now_and_then)
    subject.run(100)

    assert subject.events(*LINK) == [("a", "connected")]
    assert subject.poller.units["a"].timeouts == 5


def test_back_off(line):
    """The pauses double up to their bound, each shortened by up to a half, by chance."""
    subject = line(good, opening=failing(OSError("no route")))
    subject.run(3600)
    pauses = [later - earlier for earlier, later in pairwise(subject.driver.connects)]

    for k, pause in enumerate(pauses):
        longest = min(30.0, 2.0**k)
        assert longest / 2 <= pause <= longest
    assert len(set(pauses)) == len(pauses)
    assert subject.poller.units["a"].polls == 0


def test_good_conversation_is_tried_again_quickly(line):
    """A link that held for a while is tried again at once, also when its scans are far apart."""

    async def second_fails(asked):
        if len(subject.driver.times("a")) % 2 == 0:
            raise LinkLost("idle for too long")
        return await good(asked)

    subject = line(second_fails, scans=[scan(every_s=60.0)])
    subject.run(3600)
    pauses = [
        again - lost for lost, again in zip(subject.when(EventKind.LOST), subject.driver.connects[1:], strict=False)
    ]

    assert len(pauses) > 20
    assert max(pauses) <= 1.0


def test_fault_is_one_traceback(line):
    """A programming fault is logged once with its traceback, told as an event, and the device tried again."""

    async def faulty(asked):
        raise ValueError(f"bad byte at {now_s()}")

    subject = line(faulty)
    with capture_logs() as logs:
        subject.run(300)

    assert [entry["exc_info"].args for entry in logs if "exc_info" in entry] == [("bad byte at 0.0",)]
    assert len(subject.driver.connects) > 5
    assert subject.events(*LINK) == [("a", "lost")]
    assert set(subject.events(EventKind.FAULT)) == {("a", "fault")}
    assert len(subject.poller._faults) == 1


def test_fault_and_recovery(line):
    """After a fault is over the device is read as before."""

    async def for_a_while(asked):
        if now_s() < 60:
            raise KeyError("not yet")
        return await good(asked)

    subject = line(for_a_while)
    subject.run(300)

    assert subject.events(*LINK) == [("a", "lost"), ("a", "connected")]
    assert subject.poller.units["a"].polls > 200


@pytest.mark.parametrize("error", [OSError("broken pipe"), ValueError("closed twice"), LinkLost("gone")])
def test_close_that_fails(line, error):
    """A farewell that fails ends neither the poller nor a stop."""
    subject = line(failing(LinkLost("gone")), closing=failing(error))

    assert subject.run(100) < 0.5
    assert len(subject.driver.connects) > 4
    assert subject.events(*LINK) == [("a", "lost")]


@pytest.mark.parametrize("where", ["answer", "opening", "closing", "put"])
def test_stop_ends_at_once(line, where):
    """A stop is over within 0.5 s and closes the driver, whatever hangs."""
    keys = {"answer": good, where: hang}
    subject = line(**keys)

    assert subject.run(1.5) < 0.5
    assert subject.driver.closes >= 1
    assert subject.poller.connected is False


def test_hung_read_is_ended(line):
    """A driver that forgets its time-out is found after a minute, and the conversation begins anew."""
    subject = line(hang)
    subject.run(200)

    assert subject.when(EventKind.LOST) == [60.0]
    assert len(subject.driver.connects) > 2


def test_events_before_the_loss_are_handed_on(line):
    """What the device said before the end comes before the loss, also of a device that nobody configured."""
    events = [Event(device, EventKind.VIOLATION, "illegal", 1) for device in ("a", "unknown")]
    subject = line(failing(LinkLost("illegal bytes", events)))
    subject.run(10)

    assert subject.events(EventKind.VIOLATION, *LINK)[:3] == [
        ("a", "violation"),
        ("unknown", "violation"),
        ("a", "lost"),
    ]


def test_nothing_to_ask(line):
    """A driver without scans says so, and is no fault."""
    subject = line(good, scans=[])
    with capture_logs() as logs:
        subject.run(100)

    assert [entry["reason"] for entry in logs] == ["there is nothing to ask"]


def test_full_queue_makes_polls_late(line):
    """While nobody takes what was read, polls wait; each turn missed is counted, none is made up."""
    taken = []

    async def put(each):
        await asyncio.sleep(2.5 if isinstance(each, Batch) else 0)
        taken.append(each)

    subject = line(good, put=put)
    subject.run(300.5)
    unit = subject.poller.units["a"]

    assert unit.polls == pytest.approx(100, abs=2)
    assert unit.polls + unit.skipped == pytest.approx(301, abs=3)


def test_scan_longer_than_its_interval(line):
    """A scan that takes two and a half intervals runs on every third turn, and the others are counted."""

    async def slow(asked):
        await asyncio.sleep(2.5)
        return [batch(asked)]

    subject = line(slow, timeout_s=5.0)
    subject.run(300.5)

    assert subject.driver.times("a") == pytest.approx(list(range(0, 301, 3)))
    assert subject.poller.units["a"].skipped == 200


@pytest.mark.parametrize("dead", ["a", "abc", "abcdefgh"])
def test_dead_units_leave_the_others_their_interval(line, dead):
    """Devices that hang on a shared line hardly disturb the one that answers, and it hardly ever waits for long."""
    devices = [*dead, "z"]
    subject = line(only(dead), devices)
    subject.run(1000)
    times = subject.driver.times("z")
    gaps = Counter(round(later - earlier) for earlier, later in pairwise(times))

    assert subject.events(*LINK).count(("z", "lost")) == 0
    assert max(gaps) <= 3
    assert len(times) > 1000 * (1 - 0.055 * len(dead))
    for name in dead:
        cost = sum(asked.timeout_s for _, asked in subject.driver.asked if asked.device == name)
        assert cost <= 50.0


def test_dead_unit_comes_back(line):
    """A device that answers again is found within one pause, and read on its interval from then on."""

    async def away(asked):
        return await (silent(asked) if asked.device == "a" and 100 < now_s() < 500 else good(asked))

    subject = line(away, "ab")
    subject.run(700)
    [back] = [at_s for at_s in subject.when(EventKind.CONNECTED) if at_s > 100]

    assert 500 < back < 522
    assert subject.when(EventKind.LOST) == pytest.approx([101.75], abs=1)
    assert len([at_s for at_s in subject.driver.times("a") if at_s > back]) == pytest.approx(700 - back, abs=2)


def test_dead_units_with_long_intervals(line):
    """Dead devices whose turns fall together are all tried in good time, not one of them at each turn."""
    devices = "abcdefgh"
    scans = [scan(device, 300.0, key) for key, device in enumerate(devices)] + [scan("z", 1.0, 8)]

    async def away(asked):
        return await (silent(asked) if asked.device != "z" and now_s() < 2000 else good(asked))

    subject = line(away, [*devices, "z"], scans=scans)
    subject.run(2400)

    assert all(subject.when(EventKind.CONNECTED, device)[0] < 2040 for device in devices)


def test_all_units_dead(line):
    """When nobody on a shared line answers, the conversation is over: each is told once, and all come back."""

    async def until(asked):
        return await (silent(asked) if now_s() < 300 else good(asked))

    subject = line(until, "abc")
    subject.run(400)

    assert Counter(subject.events(*LINK)) == Counter((d, kind) for d in "abc" for kind in ("lost", "connected"))
    assert len(subject.driver.connects) > 2
    assert max(at_s for device in "abc" for at_s in subject.when(EventKind.CONNECTED, device)) < 350


def test_link_loss_takes_all_units(line):
    """The end of a shared conversation is told once for each of its devices."""

    async def breaks(asked):
        if 50 < now_s() < 100:
            raise LinkLost("reset")
        return await good(asked)

    subject = line(breaks, "ab")
    subject.run(200)

    assert Counter(subject.events(*LINK)) == {
        ("a", "lost"): 1,
        ("b", "lost"): 1,
        ("a", "connected"): 2,
        ("b", "connected"): 2,
    }


def test_timeouts_are_set_by_the_poller(line):
    """Alone, a device has its own time-out; on a shared line a short one, from its usual answer time."""
    alone, shared = line(good, timeout_s=3.0), line(good, "ab", timeout_s=3.0)
    for subject in (alone, shared):
        subject.run(10)
    last: list[Scan] = [subject.driver.asked[-1][1] for subject in (alone, shared)]

    assert [each.timeout_s for each in last] == [3.0, 0.25]


def test_a_driver_that_answers_a_cancel_with_a_lost_link(line):
    """It hides the cancel: the poller ends all the same, and does not connect again."""

    async def hides(asked):
        try:
            await hang()
        finally:
            raise LinkLost("closed in the middle of a read")

    subject = line(hides)

    assert subject.run(0.5) < 1
    assert len(subject.driver.connects) == 1
