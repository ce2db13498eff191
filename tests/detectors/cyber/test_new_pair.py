"""New pair: a connection that never was before is told, if somebody answered; the direction is that of its opening."""

from sightings import ATTACKER, HMI, RELAY1, RELAY2, Bench, pair

from detectors.model import Severity


def severities(found):
    return [each.severity for each in found]


def test_a_new_client_of_a_relay_is_a_warning():
    """Who, whom, which port, and the configured device that it concerns."""
    bench = Bench()
    bench.learned(pair(HMI, RELAY1))

    (found,) = bench.sees(pair(ATTACKER, RELAY1))

    assert (found.severity, found.device, found.technique) == (Severity.WARNING, "relay1", "T0886")
    assert found.text == f"{ATTACKER} connects to {RELAY1} port 502 for the first time"


def test_the_port_and_the_direction_belong_to_it():
    """The same two at another port, or the server as client, are new."""
    bench = Bench()
    bench.learned(pair(HMI, RELAY1))

    assert severities(bench.sees(pair(HMI, RELAY1, 22))) == [Severity.WARNING]
    bench = Bench()
    bench.learned(pair(HMI, RELAY1))
    assert severities(bench.sees(pair(RELAY1, HMI, 502))) == [Severity.WARNING]


def test_what_was_learned_is_known_over_a_restart():
    """A pair is learned once; so is one whose opening was seen only after a restart of the gateway."""
    bench = Bench()
    bench.learned(pair(HMI, RELAY1), pair(HMI, RELAY2, opened="seen"))
    bench.restart()

    known = [pair(HMI, RELAY1), pair(HMI, RELAY1, opened="seen"), pair(RELAY1, HMI, 50123, opened="seen")]
    assert bench.sees(*known, pair(HMI, RELAY2)) == []


def test_what_nobody_answers_is_info():
    """An attempt is told, and wakes nobody; the answer makes it a warning."""
    bench = Bench()
    bench.learned(pair(HMI, RELAY1))

    assert severities(bench.sees(pair(ATTACKER, RELAY1, answered=False))) == [Severity.INFO]
    assert severities(bench.sees(pair(ATTACKER, RELAY1))) == [Severity.WARNING]


def test_an_attempt_that_was_learned_does_not_open_the_door():
    """A host that tried in vain in the learning, and is answered now, is new."""
    bench = Bench()
    bench.learned(pair(ATTACKER, RELAY1, answered=False))

    assert bench.sees(pair(ATTACKER, RELAY1, answered=False)) == []
    assert severities(bench.sees(pair(ATTACKER, RELAY1))) == [Severity.WARNING]


def test_a_connection_older_than_the_capture_is_judged_without_order():
    """Two that never talked are a warning even if nobody saw who began."""
    bench = Bench()
    bench.learned(pair(HMI, RELAY1))

    assert severities(bench.sees(pair(RELAY1, ATTACKER, 49999, opened="seen"))) == [Severity.WARNING]


def test_a_port_that_servers_choose_anew_is_info_between_two_that_talk_anyway():
    """FTP and DCOM open such ports; from a stranger they are a warning."""
    bench = Bench()
    bench.learned(pair(HMI, RELAY1))

    assert severities(bench.sees(pair(HMI, RELAY1, 50001), pair(ATTACKER, RELAY1, 50001))) == [
        Severity.INFO,
        Severity.WARNING,
    ]


def test_who_may_and_what_is_ours_is_not_told():
    """The rules of the policy, scanners, and the gateway's own conversations."""
    bench = Bench(masters=["10.0.0.6"], scanners=["10.2.0.1"], allow=[{"source": "10.0.0.7", "target": RELAY1}])
    bench.learned(pair(HMI, RELAY1), pair("10.0.0.2", RELAY1, live=True))

    allowed = [pair("10.0.0.6", RELAY2), pair("10.2.0.1", RELAY2), pair("10.0.0.7", RELAY1)]
    assert bench.sees(*allowed, pair("10.0.0.2", RELAY2)) == []
    assert severities(bench.sees(pair("10.0.0.7", RELAY2))) == [Severity.WARNING]


def test_a_conversation_with_many_and_one_in_maintenance_are_info():
    """Multicast has no partner; and engineers are expected while a window is open."""
    bench = Bench()
    bench.learned(pair(HMI, RELAY1))
    assert severities(bench.sees(pair(ATTACKER, "224.0.0.251", 5353, protocol="udp"))) == [Severity.INFO]

    bench = Bench(maintenance=[("2023-11-14T00:00", "2023-11-16T00:00")])
    bench.learned(pair(HMI, RELAY1))
    assert severities(bench.sees(pair(ATTACKER, RELAY1))) == [Severity.INFO]
