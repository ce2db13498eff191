"""How long devices take to answer is told for the cyber checks: a median of ten, without what the line waits."""

import asyncio

import pytest

from protocols.model import Event, EventKind
from protocols.sighting import Sighting


def trips(line, device="a"):
    """Return when medians were told, and which."""
    return [
        (at_s, each.facts["median_ms"])
        for at_s, each in line.seen
        if isinstance(each, Sighting) and (each.kind, each.device) == (EventKind.ROUND_TRIP, device)
    ]


def test_the_median_of_ten(line):
    """Once in ten polls; three slow answers of ten do not move it."""
    asked = iter(range(1000))

    async def answer(scan):
        await asyncio.sleep(0.3 if next(asked) % 10 < 3 else 0.01)
        return []

    polls = line(answer)
    polls.run(25)

    assert [median_ms for _, median_ms in trips(polls)] == [10.0, 10.0]


def test_each_device_for_itself(line):
    """On a line that they share, one waits for the other: that is not in its time."""

    async def answer(scan):
        await asyncio.sleep(0.2 if scan.device == "a" else 0.05)
        return []

    polls = line(answer, ("a", "b"))
    polls.run(15)

    assert [median_ms for _, median_ms in trips(polls, "a")] == [200.0]
    assert [median_ms for _, median_ms in trips(polls, "b")] == [50.0]


def test_sightings_are_not_logged(line, capsys):
    """The log tells what changes for people; what the checks are told would drown it."""

    async def answer(scan):
        sighting = Sighting("a", EventKind.EXCEPTION, "exception 4", 1, live=True)
        return [sighting, Event("a", EventKind.IDENTITY, "a meter", 1)]

    line(answer).run(12)

    said = capsys.readouterr().out
    assert "a meter" in said
    assert "exception" not in said
    assert "round_trip" not in said


@pytest.mark.parametrize("requests", [0, 4])
def test_time_a_request(line, requests):
    """What takes four round trips is divided by four; what only fetches what came has none."""
    from tests.gateway.poll.conftest import scan

    async def answer(_):
        await asyncio.sleep(0.4)
        return []

    polls = line(answer, scans=[scan(requests=requests)])
    polls.run(12)

    assert [median_ms for _, median_ms in trips(polls)] == ([100.0] if requests else [])
