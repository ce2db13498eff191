"""GOOSE test flag: newly set it is a warning, known or in a maintenance window it is not."""

import pytest
from sightings import Bench, publisher

from detectors.model import Severity

RELAY, TARGET = "02:00:00:00:00:11", "01:0c:cd:01:00:01"


def flagged(function, source=RELAY):
    told = {"protocol": "goose", "function": function, "ref": "BAY1/LLN0$GO$gcb", "st": 3, "sq": 0, "first": False}
    return publisher(source, TARGET, function, **told)


@pytest.mark.parametrize("function", ["simulation", "test", "nds_com"])
def test_a_flag_that_is_newly_set_is_a_warning(function):
    """Whoever sets it makes subscribers prefer or ignore a message."""
    bench = Bench()
    bench.learned(flagged("new"))
    bench.sees(flagged(function))

    assert bench.warnings == [f"tap1/BAY1.LLN0$GO$gcb-{function}/goose_test_flag"]


def test_a_flag_that_was_always_set_is_normal():
    """It is told once, as info, while learning; from another source it is new."""
    bench = Bench()
    bench.learned(flagged("test"))
    assert [each.severity for each in bench.said if each.active] == [Severity.INFO]

    bench.wait(400)
    bench.sees(flagged("test"))
    assert bench.alarms == {}

    bench.sees(flagged("test", source="02:00:00:00:00:66"))
    assert len(bench.warnings) == 1


def test_tests_belong_into_a_maintenance_window():
    """There they are info."""
    bench = Bench(maintenance=(("2000-01-01", "2100-01-01"),))
    bench.learned(flagged("new"))
    bench.sees(flagged("simulation"))

    assert [each.severity for each in bench.alarms.values()] == [Severity.INFO]
