"""The comparison counts what was read and told, not what was hoped."""

import json
import shutil
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _benchmarks(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))


def received(topic, body):
    from broker import Received

    return Received(0, topic, json.dumps(body).encode())


def test_a_summary_counts_its_polls():
    """Ten polls of one point and nine of another are nineteen readings; status and alarms are none."""
    from peers.ours import GridSentinel

    program = GridSentinel("GridSentinel", window_s=10)
    summary = {"points": {"p0": {"n": 10}, "p1": {"n": 9}}}

    assert program.readings(received("gridsentinel/bench/gw/telemetry/d0", summary)) == 19
    assert program.readings(received("gridsentinel/bench/gw/status", {"devices": {}})) == 0
    assert list(program.beyond(received("gridsentinel/bench/gw/alarm", {"id": "d0/p7/limit_high"}))) == ["d0/7"]


def test_every_value_of_thingsboard_counts():
    """Of several devices and moments; what it tells of itself does not."""
    from peers.thingsboard import ThingsBoard

    told = {"d0": [{"ts": 1, "values": {"p0": 1, "p1": 65_000}}, {"ts": 2, "values": {"p0": 1}}], "d1": []}

    assert ThingsBoard().readings(received("v1/gateway/telemetry", told)) == 3
    assert list(ThingsBoard().beyond(received("v1/gateway/telemetry", told))) == ["d0/1"]
    assert ThingsBoard().readings(received("v1/devices/me/telemetry", [{"ERRORS": 0}])) == 0


def test_every_value_of_node_red_counts():
    """A message is an array; the topic tells where it begins, and the registers of a value."""
    from peers.nodered import NodeRed

    message = received("d3/124/2", [1.5, 65_536.0])

    assert NodeRed().readings(message) == 2
    assert list(NodeRed().beyond(message)) == ["d3/126"]


@pytest.mark.parametrize("kind", ["uint16", "float32"])
def test_blocks_are_whole_values(kind, tmp_path):
    """No block of a peer is longer than the protocol allows, none cuts a value, and together they are all registers."""
    from peers.nodered import NodeRed
    from peers.program import Site
    from peers.scenario import Scenario

    scenario = Scenario("any", 1, 300, kind)
    NodeRed().prepare(scenario, Site(tmp_path, [5020], 1883, tmp_path / "counter"))
    reads = [node for node in json.loads((tmp_path / "flows.json").read_text()) if node["type"] == "modbus-read"]
    counts = [int(node["quantity"]) for node in reads]

    assert sum(counts) == scenario.registers
    assert max(counts) <= 125
    assert {count % (scenario.registers // scenario.points) for count in counts} == {0}


@pytest.mark.parametrize("what", ["asyncio", "pymodbus"])
def test_a_bare_loop_reads_what_is_due(what):
    """Two devices of 200 registers once a second: what it counts is what a real server answered."""
    from peers.loops import Loop
    from peers.measure import measure
    from peers.scenario import Scenario

    figures = measure(Loop(what, what, ""), Scenario("small", 2, 200), seconds=2)

    assert figures["delivered, % of due"] == pytest.approx(100, abs=51)
    assert figures["CPU, us a delivered reading"] > 0


def test_a_program_that_ends_is_told_with_its_last_words():
    """No figure is made up for it."""
    from peers.measure import Died, measure
    from peers.program import Start
    from peers.scenario import Scenario

    class Mute:
        name, publishes, note = "mute", False, ""

        def prepare(self, *_):
            return Start([sys.executable, "-c", "raise SystemExit('no licence')"])

    with pytest.raises(Died, match="ended with code 1: no licence"):
        measure(Mute(), Scenario("small", 1, 1), seconds=1)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("gcc") is None, reason="the subscriber is in C")
def test_gridsentinel_tells_every_poll():
    """All that was due reaches the subscriber, and every change as an alarm."""
    from peers.measure import measure
    from peers.ours import GridSentinel
    from peers.scenario import Scenario

    figures = measure(GridSentinel("GridSentinel", window_s=10), Scenario("small", 2, 100), seconds=10)

    assert figures["delivered, % of due"] == pytest.approx(100, abs=1)
    assert figures["changes that arrived, %"] == 100
