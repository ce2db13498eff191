"""What the configuration accepts, and how it refuses the rest."""

import pytest
from pydantic import TypeAdapter, ValidationError

from protocols.iec61850.config import Iec61850Device, Iec61850Point

BASE = {"name": "ied", "protocol": "iec61850", "url": "tcp://10.0.0.23:102"}


def device(**keys):
    return TypeAdapter(Iec61850Device).validate_python({**BASE, **keys})


def point(address, **keys):
    return {"name": keys.pop("name", "p"), "address": address, **keys}


@pytest.mark.parametrize(
    ("address", "path"),
    [
        (
            "IED3LD0/MMXU1.A.phsA.cVal.mag.f[MX]",
            ("IED3LD0", "MMXU1", "MX", "A", "phsA", "cVal", "mag", "f"),
        ),
        ("X_1/Q0XCBR12.Pos.stVal[ST]", ("X_1", "Q0XCBR12", "ST", "Pos", "stVal")),
    ],
)
def test_addresses(address, path):
    """Logical device, node and names, with the functional constraint where MMS has it."""
    assert Iec61850Point(name="p", address=address).place.path == path


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("IED3LD0/MMXU1.Hz.mag.f", r"is not LDEVICE/LN.DATA.ATTRIBUTE\[FC\]"),
        ("IED3LD0/MMXU1$MX$Hz", "is not"),
        ("MMXU1.Hz.mag.f[MX]", "is not"),
        ("IED3LD0/XCBR1.Pos.Oper.ctlVal[CO]", r"\[CO\] cannot be read; allowed are BL, CF"),
        ("IED3LD0/LLN0.brcb.RptEna[BR]", r"\[BR\] cannot be read"),
    ],
)
def test_addresses_that_are_none(address, words):
    """Said with what is allowed; nothing that operates and no control block can be named."""
    with pytest.raises(ValidationError, match=words):
        device(points=[point(address)])


@pytest.mark.parametrize("url", ["tcp://h", "tcp://h:102", "tls://h", "tls://h:3782", "tcp://[::1]:102"])
def test_urls(url):
    """With and without a port."""
    assert device(url=url).url == url


@pytest.mark.parametrize("url", ["h:102", "tcp://", "tcp://h:0", "tcp://h:99999", "tcp://h/x", "mms://h"])
def test_urls_that_are_none(url):
    """Said with the form."""
    with pytest.raises(ValidationError, match="url"):
        device(url=url)


@pytest.mark.parametrize(
    ("address", "keys", "kind", "status"),
    [
        ("L/MMXU1.Hz.mag.f[MX]", {}, "float64", False),
        ("L/XCBR1.Pos.stVal[ST]", {}, "enum", True),
        ("L/XCBR1.Pos.stVal[ST]", {"type": "bool"}, "bool", True),
        ("L/MMTR1.SupWh.actVal[ST]", {}, "float64", False),
        ("L/PTOC1.StrVal.setMag.f[SP]", {}, "float64", False),
    ],
)
def test_kinds(address, keys, kind, status):
    """A state is sent on every change; what counts and what is measured is not one."""
    found = Iec61850Point(name="p", address=address, **keys)
    assert (found.kind, found.status) == (kind, status)


@pytest.mark.parametrize(
    ("keys", "path", "words"),
    [
        (
            {"points": [point("L/A1.B.c[ST]", name="a"), point("L/A1.B.c[ST]", name="b")]},
            ("points", 1, "address"),
            "is point a already",
        ),
        (
            {"reports": [{"block": "L/LLN0.b"}, {"block": "L/LLN0.b"}]},
            ("reports", 1, "block"),
            "taken already",
        ),
        ({"scl": "x.cid"}, ("scl",), "there are none"),
        ({"ied": "X"}, ("ied",), "scl file"),
        ({"ca_file": "ca.pem"}, ("ca_file",), "tls:// url"),
    ],
)
def test_what_does_not_go_together(keys, path, words):
    """Said at the key."""
    [(found, text)] = device(**keys).faults()
    assert found == path
    assert words in text


@pytest.mark.parametrize("keys", [{"t_selector": "001"}, {"p_selector": "xx"}, {"reports": [{"block": "LLN0.b"}]}])
def test_keys_of_another_form(keys):
    """Selectors are hexadecimal, blocks have a logical device."""
    with pytest.raises(ValidationError):
        device(**keys)


def test_the_interval_is_the_longest_silence():
    """Integrity of the reports, where it is longer than the scan class."""
    assert device().interval_s == 1.0
    assert device(reports=[{"block": "L/LLN0.b", "integrity_s": 30}]).interval_s == 30.0
