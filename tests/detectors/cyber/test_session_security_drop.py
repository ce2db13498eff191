"""Session security: less protection, another certificate or user, and guessing of passwords are told."""

import pytest
from sightings import ATTACKER, HMI, RELAY1, Bench, pair, security

from detectors.model import Severity


def opcua(what, value, source=HMI, target=RELAY1, **told):
    return security(source, target, port=4840, protocol="opcua", what=what, value=value, **told)


@pytest.fixture
def bench():
    found = Bench()
    normal = [("policy", "Basic256Sha256"), ("mode", "SignAndEncrypt"), ("user", "operator")]
    found.learned(*(opcua(*each) for each in normal), opcua("certificate", "aa11", source=RELAY1, target=HMI))
    return found


@pytest.mark.parametrize(
    ("what", "value"), [("policy", "None"), ("policy", "http://o/#Basic256"), ("mode", "Sign"), ("user", "anonymous")]
)
def test_less_protection_is_critical(bench, what, value):
    """Another policy, mode or no user any more: who, whom, what it was and is."""
    (found,) = bench.sees(opcua(what, value))

    assert (found.severity, found.device) == (Severity.CRITICAL, "relay1")
    assert f"{HMI} to {RELAY1}: protected less, {what} is {value}, it was " in found.text
    assert found.technique == ("T0859" if what == "user" else "T0830")


def test_a_new_client_without_protection_at_a_server_that_never_allowed_it_is_critical(bench):
    """A new client as protected as all others is another check's."""
    assert bench.sees(opcua("policy", "Basic256Sha256", source="10.0.0.77")) == []
    assert [each.severity for each in bench.sees(opcua("policy", "None", source=ATTACKER))] == [Severity.CRITICAL]


@pytest.mark.parametrize(("what", "value"), [("policy", "Aes256_Sha256_RsaPss"), ("user", "engineer")])
def test_a_change_that_weakens_nothing_is_a_warning(bench, what, value):
    """It is told, and can be approved."""
    (found,) = bench.sees(opcua(what, value))
    assert found.severity is Severity.WARNING

    (waiting,) = bench.cyber.baseline.waiting()
    assert bench.cyber.baseline.approve(waiting.check, waiting.key, by="engineer", now_ns=bench.now_ns)
    bench.wait(400)
    assert bench.sees(opcua(what, value)) == []


def test_another_certificate_is_a_warning_and_the_same_again_is_not(bench):
    """It is a fact of who presents it, whoever asks."""
    assert bench.sees(opcua("certificate", "aa11", source=RELAY1, target="10.0.0.8")) == []
    assert [each.severity for each in bench.sees(opcua("certificate", "bb22", source=RELAY1, target=HMI))] == [
        Severity.WARNING
    ]


def test_three_refused_logins_in_a_minute_are_guessing(bench):
    """Two are a typing error."""
    assert bench.sees(opcua("login", "operator", count=2)) == []
    assert [each.technique for each in bench.sees(opcua("login", "operator"))] == ["T0859"]


def test_a_driver_that_sees_its_own_session_drop_is_heard():
    """What a driver remembers from before counts where no fact does."""
    bench = Bench()
    bench.learned(pair(HMI, RELAY1))

    (found,) = bench.sees(security(device="relay1", protocol="opcua", what="mode", value="None", was="Sign", live=True))
    assert (found.severity, found.device) == (Severity.CRITICAL, "relay1")
