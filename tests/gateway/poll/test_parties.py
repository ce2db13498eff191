"""Who talks to whom: the poller says from which address it asks, and that a certificate was refused."""

import ssl

from protocols.model import EventKind
from protocols.sighting import Sighting


def sightings(line, kind):
    return [each for _, each in line.seen if isinstance(each, Sighting) and each.kind is kind]


async def silent(_):
    return []


def test_our_own_address_is_told_before_each_attempt_to_connect(line):
    """Whatever the protocol, so that a tap knows who it is that knocks; without a host there is none."""
    refused = iter((OSError("nobody"), OSError("nobody")))

    async def opening():
        for error in refused:
            raise error
        return ()

    polls = line(silent, host="127.0.0.1", opening=opening)
    polls.run(30)

    told = sightings(polls, EventKind.PAIR)
    assert {(each.device, each.source, each.live) for each in told} == {("gateway", "127.0.0.1", True)}
    assert len(told) == len(polls.driver.connects) == 3
    other = line(silent)
    other.run(3)
    assert sightings(other, EventKind.PAIR) == []


def test_a_certificate_that_is_not_trusted(line):
    """It is told for the cyber checks of each device behind it, beside the loss."""
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_message = "self-signed certificate"

    async def opening():
        raise error

    polls = line(silent, ("a", "b"), host="127.0.0.1", opening=opening)
    polls.run(1)

    told = sightings(polls, EventKind.SECURITY)
    assert [(each.device, each.function, each.facts["value"]) for each in told[:2]] == [
        (device, "certificate", "refused: self-signed certificate") for device in "ab"
    ]
    assert all(each.facts["refused"] and each.live and each.source == "127.0.0.1" for each in told)
