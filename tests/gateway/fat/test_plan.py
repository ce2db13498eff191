"""What every point is driven to."""

from itertools import combinations

import pytest

from gateway.fat.bench import close
from gateway.fat.plan import NEGATIVE, plan
from gateway.fat.subject import Subject
from protocols.modbus.config import ModbusPoint


def subject(rank: int, kind: str, **keys: object) -> Subject:
    point = ModbusPoint(name=f"p{rank}", address="holding:0", **keys)
    return Subject(device="d", point=point, kind=kind, rank=rank, latency_s=1.0)


@pytest.mark.parametrize("kind", ["int8", "enum", "int16", "uint16", "int32", "uint64", "float32", "float64"])
@pytest.mark.parametrize("count", [2, 37, 1000])
def test_two_exchanged_numbers_differ_in_some_step(kind, count):
    """In at least one step each shows what the other should not, beyond all tolerance."""
    subjects = [subject(rank, kind, scale=0.1, offset=-3.0) for rank in range(count)]
    planned = plan(subjects)
    signatures = {each.name: tuple(round(drive.value, 6) for drive in planned[each.name]) for each in subjects}

    assert len(set(signatures.values())) == count
    for one, other in list(combinations(subjects[:40], 2)):
        drives = zip(planned[one.name], planned[other.name], strict=True)
        assert any(not close(one, theirs.value, mine.value) for mine, theirs in drives)


@pytest.mark.parametrize("count", [1, 2, 6, 7, 1000])
def test_every_state_has_a_pattern_of_its_own_and_is_off_and_on(count):
    """As two exchanged bits must show it, and one that stands still too."""
    planned = plan([subject(rank, "bool") for rank in range(count)])
    patterns = [tuple(drive.value for drive in drives) for drives in planned.values()]

    assert len(set(patterns)) == count
    assert all(set(pattern) == {0.0, 1.0} for pattern in patterns)


def test_a_double_position_has_all_four_states():
    """Off and on, and the two that no breaker should have."""
    drives = plan([subject(0, "dbpos"), subject(1, "bool")])["d.p0"]

    assert {drive.test: drive.value for drive in drives} == {"off": 1, "on": 2, "intermediate": 0, "bad": 3}


@pytest.mark.parametrize(("kind", "low", "high"), [("int16", -32768, 32767), ("uint32", 0, 2**32 - 1)])
def test_a_number_goes_to_the_ends_of_its_type_and_below_zero(kind, low, high):
    """The ends exactly; negative ones where there are any."""
    drives = plan([subject(0, kind), subject(1, kind)])["d.p0"]
    values = {drive.test: drive.value for drive in drives}

    assert (values["low end"], values["high end"]) == (low, high)
    assert (NEGATIVE in values) == (low < 0)
    assert low >= 0 or values[NEGATIVE] < 0


def test_what_cannot_be_driven_is_in_no_step():
    """It would be told as driven otherwise."""
    dull = Subject(
        device="d", point=ModbusPoint(name="x", address="holding:1"), kind="uint16", rank=0, latency_s=1, why_not="y"
    )

    assert plan([dull]) == {}
