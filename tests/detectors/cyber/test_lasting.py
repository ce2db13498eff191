"""What is so until somebody does something: its alarm lasts, over restarts, until it is as it was, or approved."""

from dataclasses import replace
from functools import partial

import pytest
from sightings import HMI, RELAY1, Bench, binding, identity, integrity, publisher, round_trip, security

from detectors.cyber.baseline import Baseline
from detectors.cyber.episodes import QUIET_NS, SUBJECTS_MAX, Episodes
from detectors.model import Finding, Severity

OURS, THEIRS, GOOSE_SOURCE = "00:50:c2:00:00:11", "00:0c:29:aa:bb:cc", "02:00:00:00:00:11"
QUIET_S = QUIET_NS // 10**9

revision = partial(identity, device="relay1", live=True, function="revision")
policy = partial(security, HMI, RELAY1, port=4840, protocol="opcua", function="policy")
certificate = partial(security, RELAY1, HMI, port=4840, protocol="opcua", function="certificate")
code = partial(integrity, device="gateway", live=True, function="code", version="1.0")
audit = partial(integrity, device="gateway", live=True, function="audit")
trip = partial(round_trip, device="relay1", live=True, function="0", count=10)
flag = partial(publisher, GOOSE_SOURCE, "01:0c:cd:01:00:01", protocol="goose", ref="BAY1/LLN0$GO$gcb")

CASES = {
    "identity_change": ([revision(value="v1")], [revision(value="v2")]),
    "session_security_drop": ([policy(value="Basic256Sha256")], [policy(value="None")]),
    "session_security_drop of a certificate": ([certificate(value="aa")], [certificate(value="bb")]),
    "gateway_integrity": ([code(value="aa")], [code(value="bb")]),
    "gateway_integrity of the audit log": (
        [audit(value="whole")],
        [audit("", "", "line 3 was changed", value="broken")],
    ),
    "rtt_shift": ([trip(median_ms=2.0)] * 30, [trip(median_ms=20.0)] * 2),
    "arp_mac_change": ([binding(RELAY1, OURS, "")], [binding(RELAY1, THEIRS, OURS)] * 2),
    "goose_test_flag": ([flag(function="test", value=False)], [flag(function="test", value=True)]),
}


@pytest.fixture(params=CASES)
def changed(request):
    """Return a bench where it has just become so, the name of the check, and what it was before."""
    before, after = CASES[request.param]
    bench = Bench()
    bench.learned(*before)
    bench.sees(*after)
    kind = request.param.partition(" ")[0]
    assert [each.kind for each in bench.alarms.values()] == [kind]
    bench.said.clear()
    return bench, kind, before[:1]


def test_it_lasts_as_long_as_it_is_so(changed):
    """Silence ends it not, and a restart says nothing."""
    bench, kind, _ = changed
    bench.wait(3600, step_s=60)
    bench.restart()
    bench.wait(3600, step_s=60)

    assert [each.kind for each in bench.alarms.values()] == [kind]
    assert bench.said == []


@pytest.mark.parametrize("restarted", [False, True])
def test_it_ends_when_a_person_has_approved_it(changed, restarted):
    """With the next tick, and it is not told again: its evidence names the fact."""
    bench, kind, _ = changed
    if restarted:
        bench.restart()
    [alarm] = bench.alarms.values()
    assert bench.cyber.baseline.approve(kind, alarm.evidence["fact"], by="anna", now_ns=bench.now_ns)

    [over] = bench.wait(1)
    assert (over.kind, over.active) == (kind, False)
    assert over.text.endswith("something else is normal now)")


@pytest.mark.parametrize("restarted", [False, True])
def test_it_ends_when_it_is_as_it_was(changed, restarted):
    """When it was quiet for five minutes then: what goes back and forth is one alarm."""
    bench, kind, before = changed
    if restarted:
        bench.restart()
    bench.wait(QUIET_S / 2, step_s=10)
    bench.sees(*before)
    bench.wait(QUIET_S / 2 - 20, step_s=10)
    assert len(bench.alarms) == 1

    bench.wait(60, step_s=10)
    assert [(each.kind, each.active) for each in bench.said] == [(kind, False)]


def test_it_ends_when_all_is_learned_anew(changed):
    """What was normal is forgotten, so nothing contradicts it."""
    bench, kind, _ = changed
    bench.cyber.baseline.relearn(kind)
    bench.wait(1)

    assert bench.alarms == {}


def test_it_does_not_last_what_is_learned():
    """In the time of learning another firmware is told, becomes normal, and is over when it is quiet."""
    bench = Bench()
    bench.sees(revision(value="v1"), revision(value="v2"))
    assert len(bench.alarms) == 1

    bench.wait(QUIET_S + 1, step_s=1)
    assert bench.alarms == {}


def test_an_edited_baseline_is_not_over_once_it_is_written_again():
    """It holds what somebody has put there: a person must say that it may."""
    bench, said = Bench(), partial(integrity, device="gateway", live=True, function="baseline")
    bench.sees(said("", "", "another seal", value="broken"))
    bench.restart()
    bench.sees(said(value="whole"))
    bench.wait(QUIET_S * 2, step_s=10)
    assert bench.warnings == ["gateway/baseline/gateway_integrity"]

    bench.cyber.baseline.approve("gateway_integrity", "baseline", by="anna", now_ns=bench.now_ns)
    bench.wait(1)
    assert bench.alarms == {}


def test_flags_of_who_fell_silent_or_is_new_without_are_over():
    """And of who speaks again with them it is told anew, by the tap."""
    for end in (flag(function="expired"), flag(function="new", test=False, simulation=False, nds_com=False)):
        bench = Bench(only="goose_test_flag")
        bench.learned(flag(function="test", value=False))
        bench.sees(flag(function="test", value=True))
        bench.wait(QUIET_S + 1)
        assert len(bench.alarms) == 1

        bench.sees(end)
        bench.wait(1)
        assert bench.alarms == {}


def test_many_that_last_are_bounded_and_the_others_go_on():
    """Of forty that changed sixteen have an alarm each, and one the rest; all of them end with their approval."""
    bench = Bench()
    bench.learned(*(revision(function=str(n), value="v1") for n in range(40)))
    bench.sees(*(revision(function=str(n), value="v2") for n in range(40)))
    bench.wait(QUIET_S * 2, step_s=10)
    assert len(bench.alarms) == SUBJECTS_MAX + 1

    for n in range(40):
        bench.cyber.baseline.approve("identity_change", f"relay1 {n}", by="anna", now_ns=bench.now_ns)
    bench.wait(1)
    assert bench.alarms == {}


def test_what_happens_besides_makes_it_worse_and_it_lasts():
    """An alarm of the same subject that does not last takes nothing away from one that does."""
    episodes, baseline = Episodes(), Baseline(0)
    baseline.meet("scan", "key", 0, "aa", first_use=True)
    lasting = Finding("cyber", "scan", "d", Severity.WARNING, 0, "it is bb", evidence={"fact": "key", "normal": "aa"})
    episodes.happens(lasting)
    [worse] = episodes.happens(replace(lasting, severity=Severity.CRITICAL, evidence={}))
    assert episodes.settled(baseline, 1) == episodes.tick(QUIET_NS) == []

    after = Episodes()
    after.resume([worse])
    assert after.settled(baseline, 1) == after.tick(QUIET_NS) == []


def test_a_refused_certificate_is_never_learned():
    """Whoever answers in the place of a server whose certificate is known: also in the time of learning."""
    shows = partial(security, "10.0.0.11", device="relay1", live=True, protocol="opcua", function="certificate")
    bench = Bench()
    bench.sees(shows(value="bb", was="aa", refused=True))

    assert bench.warnings == ["relay1/10.0.0.11 certificate/session_security_drop"]
    assert [*bench.cyber.baseline.facts()] == []
