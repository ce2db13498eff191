"""What only shows between the keys of a Modbus device, and what its url may be."""

import pytest
from pydantic import ValidationError

from protocols.modbus.config import ModbusDevice, ModbusPoint, line_of


def device(**keys):
    return ModbusDevice(**{"name": "d", "protocol": "modbus", "url": "tcp://h:502", **keys})


def test_a_value_wider_than_a_request_is_a_fault():
    """No value is ever split, so the largest request must hold the widest value."""
    points = (ModbusPoint(name="p", address="holding:0", type="float64"), ModbusPoint(name="q", address="holding:9"))

    found = list(device(max_registers=3, points=points).faults())
    assert found == [(("points", 0, "type"), "float64 takes 4 registers; max_registers is 3")]


@pytest.mark.parametrize(
    "url", ["tcp://h", "tls://h", "tcp://[::1]:502", "rtu+tcp://h:4001", "rtu:///dev/ttyUSB0", "rtu:///dev/serial/by-id/x?baud=9600&parity=N"]
)  # fmt: skip
def test_urls_that_are_well(url):
    """A network, a network in TLS, a converter, a line."""
    assert device(url=url).endpoint == url


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("udp://h:502", "is none of tcp://, tls:// or rtu\\+tcp://HOST:PORT, rtu:///dev/TTY"),
        ("rtu+tcp://h", "has no port from 1 to 65535"),
        ("tls://h:99999", "has no port from 1 to 65535"),
        ("tcp://h:502?unit=3", "is none of"),
        ("rtu://ttyS0", "is not rtu:///dev/TTY"),
        ("rtu:///dev/ttyS0?baud=9600&bits=7", "'bits' in url"),
    ],
)
def test_urls_that_are_not(url, why):
    """The message says what is allowed."""
    with pytest.raises(ValidationError, match=why):
        device(url=url)


def test_a_line_is_set_as_the_specification_says_where_the_url_does_not():
    """19200 baud, even parity, one stop bit: Serial Line V1.02, clause 2.5."""
    line = line_of("rtu:///dev/ttyS0")

    assert (line.baud, line.parity, line.stop) == (19_200, "E", 1)


@pytest.mark.parametrize("unit", [0, 248, 255])
@pytest.mark.parametrize("url", ["rtu:///dev/ttyS0", "rtu+tcp://h:4001"])
def test_units_of_a_line(url, unit):
    """0 is broadcast, which nobody answers; on a network any unit is allowed."""
    assert list(device(url=url, unit=unit).faults()) == [
        (("unit",), f"unit {unit} is not from 1 to 247, as on a serial line")
    ]
    assert list(device(unit=unit).faults()) == []
