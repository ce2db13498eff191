"""What is at work: how the gateway is, for people and for the pulse."""

from types import SimpleNamespace

import pytest

from detectors.detector import Learned
from gateway.running import Running


def running(learned):
    pipeline = SimpleNamespace(alarms=(), learned=learned)
    return Running(
        config=None,
        plant=SimpleNamespace(answering=lambda: {"a": False, "b": True}, pipeline=pipeline),
        store=SimpleNamespace(stats=SimpleNamespace(fault=None)),
        audit=None,
        clock=None,
        growth=SimpleNamespace(hours_until_full=None),
    )


def test_the_condition_is_the_health_but_for_what_is_learned():
    """Score and state are the same, and nobody is asked how far it has learned: that is a list of all checks' words."""
    told = running(lambda: {"deviation": [Learned("a", "learning", 0.5)]})
    asked = running(lambda: pytest.fail("asked"))

    assert (asked.condition().score, asked.condition().state) == (told.health().score, told.health().state)
    assert told.health().why == (
        *asked.condition().why, "1 of 1 checks still learn what is normal, the least is 50% done"
    )  # fmt: skip
