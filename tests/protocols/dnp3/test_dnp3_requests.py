"""What this master can say to a device at all: nothing that operates or configures it."""

import inspect
import struct

from protocols.dnp3 import requests
from protocols.dnp3.requests import Request, confirm, read_all, write_time

HARMLESS = {0: "confirm", 1: "read", 20: "enable unsolicited", 21: "disable unsolicited", 23: "delay", 24: "record"}


def every_request():
    made = [value for _, value in inspect.getmembers(requests) if isinstance(value, Request)]
    return [*made, read_all(30), requests.attribute(252), write_time(1, 0), write_time(3, 2**48 - 1)]


def test_only_harmless_functions():
    """No select, operate, freeze, restart, file or configuration: reads, confirms and what listening needs."""
    assert {request.function for request in every_request()} <= {*HARMLESS, requests.WRITE}


def test_the_two_writes_are_the_restart_indication_and_the_clock():
    """A write is IIN 1.7 = 0, or a time: never a value."""
    writes = [request.objects for request in every_request() if request.function == requests.WRITE]

    assert writes
    assert all(objects == bytes([80, 1, 0, 7, 7, 0]) or objects[:1] == bytes([50]) for objects in writes)


def test_octets():
    """As IEEE 1815-2012 draws them."""
    assert requests.INTEGRITY.fragment(5) == bytes.fromhex("c5 01 3c0206 3c0306 3c0406 3c0106")
    assert requests.EVENTS.fragment(15) == bytes.fromhex("cf 01 3c0206 3c0306 3c0406")
    assert requests.DISABLE_UNSOLICITED.fragment(0) == bytes.fromhex("c0 15 3c0206 3c0306 3c0406")
    assert write_time(3, 0x010203040506).objects == bytes([50, 3, 7, 1]) + struct.pack("<Q", 0x010203040506)[:6]
    assert confirm(3, unsolicited=False) == bytes([0xC3, 0])
    assert confirm(3, unsolicited=True) == bytes([0xD3, 0])
