"""What an engineer may write about an outstation, and what is said where it does not fit."""

import pytest
from pydantic import ValidationError

from protocols.dnp3.config import Dnp3Device, Dnp3Point, place


@pytest.mark.parametrize(("text", "expected"), [
    ("binary:3", ("binary", 3)), ("double:0", ("double", 0)), ("counter:1", ("counter", 1)),
    ("frozen:2", ("frozen", 2)), ("analog:65535", ("analog", 65_535)), ("frozen_analog:1", ("frozen_analog", 1)),
    ("binary_output:4", ("binary_output", 4)), ("analog_output:5", ("analog_output", 5)), ("octets:6", ("octets", 6)),
])  # fmt: skip
def test_addresses(text, expected):
    """Every kind of point."""
    assert place(text) == expected


@pytest.mark.parametrize(
    "text", ["analog", "analog:", "analog:-1", "analog:65536", "holding:1", "Analog:1", "analog:1.2"]
)
def test_addresses_that_are_none(text):
    """Kinds that do not exist, indices that do not fit."""
    with pytest.raises(ValueError, match=r"address|index"):
        place(text)


@pytest.mark.parametrize("url", [
    "tcp://10.0.0.1", "tcp://10.0.0.1:20000", "tls://rtu.example:19999", "tcp://[::1]:20000",
    "serial:///dev/ttyS1?baud=9600", "serial:///dev/ttyUSB0?baud=19200&parity=E&stop=2",
])  # fmt: skip
def test_urls(url):
    """TCP, TLS and serial lines; 20000 is the port where none is said."""
    assert Dnp3Device(name="r", protocol="dnp3", url=url).endpoint == url


@pytest.mark.parametrize("url", [
    "udp://10.0.0.1:20000", "tcp://", "tcp://h:0", "tcp://h:99999", "tcp://h/x", "serial://ttyS1", "serial:///dev/t?bauds=9",
])  # fmt: skip
def test_urls_that_are_none(url):
    """Each with what is allowed."""
    with pytest.raises(ValidationError):
        Dnp3Device(name="r", protocol="dnp3", url=url)


def test_types_are_told_by_the_address():
    """`type` may be named, but not otherwise; statuses are known as such."""
    breaker = Dnp3Point(name="cb52", address="binary:3", type="bool")
    assert (breaker.kind, breaker.status, list(breaker.faults())) == ("bool", True, [])
    assert Dnp3Point(name="d", address="double:3").status
    assert not Dnp3Point(name="a", address="analog:3").status
    [(path, text)] = Dnp3Point(name="a", address="analog:3", type="bool").faults()
    assert (path, text) == (("type",), "analog:3 is float64, not bool")


def test_what_only_shows_between_keys():
    """Addresses twice, stations that are one, TLS without a tls url, a scan class of a point."""
    points = tuple(Dnp3Point(name=name, address="analog:1", every_s=every) for name, every in (("a", None), ("b", 2.0)))
    device = Dnp3Device(
        name="r", protocol="dnp3", url="tcp://h", outstation=1, points=points, server_name="x", unsolicited=False
    )

    assert [path for path, _ in device.faults()] == [
        ("server_name",), ("master",), ("points", 1, "every_s"), ("points", 1, "address"),
    ]  # fmt: skip


def test_a_point_is_heard_of_at_every_integrity_poll():
    """Detectors of silence wait for the integrity poll, as a point that does not change says nothing."""
    assert Dnp3Device(name="r", protocol="dnp3", url="tcp://h", integrity_every_s=60).interval_s == 60
