"""The health: one number, one word, and why."""

import pytest

from gateway.health import judge


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
