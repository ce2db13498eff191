"""The gateway itself: its code, configuration and unit are what they were, its audit log has no gap, its tap sees."""

from functools import partial

import pytest
from sightings import Bench, drops, integrity

from detectors.model import Severity

found = partial(integrity, device="gateway", live=True)


@pytest.mark.parametrize(
    ("what", "severity"), [("code", Severity.CRITICAL), ("unit", Severity.CRITICAL), ("config", Severity.WARNING)]
)
def test_another_hash_of_the_same_version(what, severity):
    """Somebody has changed it on the spot."""
    bench = Bench()
    bench.learned(found(function=what, value="aa", version="1.0"))
    bench.sees(found(function=what, value="bb", version="1.0"))

    assert bench.alarms[f"gateway/{what}/gateway_integrity"].severity is severity


def test_a_configuration_that_was_taken_up():
    """It is a note, which the audit log proves, and normal from then on."""
    bench = Bench()
    bench.learned(found(function="config", value="aa", version="1.0", taken_up=True))
    bench.sees(found(function="config", value="bb", version="1.0", taken_up=True))
    assert bench.alarms["gateway/config/gateway_integrity"].severity is Severity.INFO

    bench.wait(301)
    bench.sees(found(function="config", value="bb", version="1.0", taken_up=True))
    assert not bench.alarms


def test_a_configuration_that_is_not_what_runs():
    """It is a warning that lasts, until a reload takes it up or the old one is back."""
    bench = Bench()
    bench.learned(found(function="config", value="aa", version="1.0", taken_up=True))
    bench.sees(found(function="config", value="bb", version="1.0", taken_up=False))
    bench.wait(86_400)
    assert bench.alarms["gateway/config/gateway_integrity"].severity is Severity.WARNING

    bench.sees(found(function="config", value="bb", version="1.0", taken_up=True))
    bench.wait(301)
    assert not bench.alarms


def test_tampering_in_the_week_of_learning():
    """There is nothing to be learned about one's own code."""
    bench = Bench()
    bench.sees(found(function="code", value="aa", version="1.0"), found(function="code", value="bb", version="1.0"))

    assert bench.alarms["gateway/code/gateway_integrity"].severity is Severity.CRITICAL


def test_a_package_upgrade():
    """Another version is a note and becomes normal; tampering with the new version is found again."""
    bench = Bench()
    bench.learned(found(function="code", value="aa", version="1.0"))
    bench.sees(found(function="code", value="bb", version="1.1"))
    assert bench.alarms["gateway/code/gateway_integrity"].severity is Severity.INFO

    bench.wait(301)
    bench.sees(found(function="code", value="bb", version="1.1"))
    assert not bench.alarms
    bench.sees(found(function="code", value="cc", version="1.1"))
    assert bench.alarms["gateway/code/gateway_integrity"].severity is Severity.CRITICAL


def test_a_gap_in_the_audit_log():
    """Told as it was found; one that is whole says nothing."""
    bench = Bench()
    bench.sees(found(function="audit", value="whole"))
    assert not bench.said
    bench.sees(found("", "", "line 3 is no entry", function="audit", value="broken"))

    assert "line 3 is no entry" in bench.alarms["gateway/audit/gateway_integrity"].text


def test_a_tap_that_loses_frames():
    """A few in a thousand, or one burst, are everyday; one in ten again and again is blindness."""
    bench = Bench()
    bench.sees(*[drops(dropped=1, of=1000)] * 10, drops(dropped=100, of=1000))
    assert not bench.said
    for _ in range(2):
        bench.wait(1)
        bench.sees(drops(dropped=100, of=1000))

    assert bench.warnings == ["tap1/drops/gateway_integrity"]


def test_a_tap_that_hears_nothing():
    """A switch that restarts is silent once, for a minute: info. Again soon, or for long, nobody sees what happens."""
    bench = Bench(only="gateway_integrity")
    silence = "tap1/silence/gateway_integrity"
    for second in range(4, 70):
        bench.sees(drops(silent_s=second))
        bench.wait(1)
    assert ([*bench.alarms], bench.warnings) == ([silence], [])

    bench.wait(310)
    bench.sees(drops(silent_s=4))
    assert bench.warnings == [silence]

    later = Bench(only="gateway_integrity")
    for second in range(4, 302):
        later.sees(drops(silent_s=second))
        later.wait(1)
    assert later.warnings == [silence]
