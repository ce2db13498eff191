"""The bays as outstations: the grid's values, events with dead-bands, and the faults of a conduct."""

import pytest

from simulator.conduct import Conduct
from simulator.dnp3 import Dnp3Bay
from simulator.dnp3_outstation import Dialogue, Outstation
from simulator.dnp3_points import PLACES
from simulator.grid import Grid
from simulator.meter import BAYS


@pytest.fixture
def grid():
    return Grid(seed=1)


def bay_of(grid, name="feeder1", conduct=None):
    return Dnp3Bay(name, grid, conduct or Conduct(), host="127.0.0.1", port=0)


@pytest.mark.parametrize("name", BAYS)
def test_every_measurement_has_a_place(grid, name):
    """Each once, indices without holes, and the value of the grid."""
    places = PLACES[name]
    assert {place.name for place in places} == set(BAYS[name])
    for kind in ("binary", "counter", "analog"):
        indices = [place.index for place in places if place.kind == kind]
        assert indices == list(range(len(indices)))
    points = bay_of(grid, name).outstation.points
    assert all(points[place.kind, place.index].value == grid[f"{name}.{place.name}"] for place in places)


async def test_what_changes_is_an_event(grid):
    """A breaker that opens is one of class 1; analogs move by more than their dead-band."""
    bay = bay_of(grid)
    await bay.start()
    bay.outstation.events.clear()
    grid.switch("feeder1", closed=False)
    grid.advance(grid.time_s + 0.2)
    await bay.follow()
    await bay.stop()

    kinds = {(event.kind, event.event_class) for event in bay.outstation.events}
    assert ("binary", 1) in kinds
    assert ("analog", 2) in kinds
    assert all(event.time_ms for event in bay.outstation.events)


async def test_present_values_follow_within_the_dead_band(grid):
    """An integrity poll gets what is now; only what has moved by more is an event."""
    bay = bay_of(grid)
    grid.advance(grid.time_s + 0.2)
    await bay.follow()
    await bay.stop()
    analog = next(place for place in PLACES["feeder1"] if place.name == "va")

    assert bay.outstation.points[analog.kind, analog.index].value == grid["feeder1.va"]
    assert not [event for event in bay.outstation.events if event.index == analog.index and event.kind == "analog"]


async def test_the_port_follows_the_conduct(grid):
    """Closed and opened again on the same port, as after a restart; refused points do not answer."""
    conduct = Conduct(refused={"feeder1.va"})
    bay = bay_of(grid, conduct=conduct)
    await bay.start()
    port = bay.port
    await bay.follow()
    assert len(bay.outstation.having(lambda _: True)) == len(PLACES["feeder1"]) - 1
    conduct.answers = "closed"
    await bay.follow()
    assert not bay.serving
    bay.outstation.restarted = False
    conduct.answers = "well"
    await bay.follow()
    assert (bay.outstation.restarted, bay.outstation.need_time, len(bay.outstation.events)) == (True, True, 0)
    assert (bay.serving, bay.port) == (True, port)
    await bay.stop()


def test_a_read_is_answered_although_nobody_confirms_that_it_has_restarted():
    """A tool that only looks confirms nothing; only events that are on their way hold a read back."""
    sent = []
    outstation = Outstation(lambda: 0)
    outstation.add("analog", 0, 1.5)
    dialogue = Dialogue(outstation, sent.append)
    dialogue.tell(null=True)
    dialogue.take(bytes.fromhex("c0013c0106"))

    assert [fragment[1] for fragment in sent] == [0x82, 0x81]
