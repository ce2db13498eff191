"""What an engineer may say about an OPC UA server, and what is told when it does not fit together."""

import pytest

from protocols.opcua import config
from protocols.opcua.config import Address, OpcuaDevice

URL = "opc.tcp://10.0.0.30:4840"


def device(**keys):
    return OpcuaDevice(**{"name": "hmi", "protocol": "opcua", "url": URL, **keys})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ns=2;s=T1.OilTemp", Address(2, None, "s", "T1.OilTemp")),
        ("i=2258", Address(0, None, "i", "2258")),
        ("nsu=http://a.b/c;i=17", Address(0, "http://a.b/c", "i", "17")),
        ("nsu=urn:a%3Bb%25;s=x", Address(0, "urn:a;b%", "s", "x")),
        ("ns=3;s=a;b=c", Address(3, None, "s", "a;b=c")),
        ("ns=1;g=09087e75-8e5e-499b-954f-f2a9603db28a", Address(1, None, "g", "09087e75-8e5e-499b-954f-f2a9603db28a")),
        ("ns=1;b=M/RbKBsRVkePCePcx24oRA==", Address(1, None, "b", "M/RbKBsRVkePCePcx24oRA==")),
    ],
)
def test_node_ids_as_the_standard_writes_them(text, expected):
    """OPC 10000-6 clause 5.3.1.10."""
    assert Address.parse(text) == expected


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("T1.OilTemp", "no node id"),
        ("ns=2", "no node id"),
        ("ns=70000;i=1", "over 65535"),
        ("i=4294967296", "from 0 to 4294967295"),
        ("i=x", "texts are s="),
        ("g=1", "is not like"),
        ("b=!", "no Base64"),
    ],
)
def test_what_is_no_node_id_is_told(text, told):
    """With what is allowed."""
    with pytest.raises(ValueError, match=told):
        Address.parse(text)


@pytest.mark.parametrize("url", ["tcp://h:1", "opc.tcp://", "opc.tcp://u:p@h:1", "opc.tcp://h:0", "opc.tcp://h:1?x=1"])
def test_what_is_no_url(url):
    """A password has no place in it."""
    with pytest.raises(ValueError, match="url"):
        device(url=url)


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({}, []),
        (
            {"security_policy": "Basic256Sha256"},
            ["needs certificate_file", "needs key_file", "needs server_certificate_file"],
        ),
        ({"certificate_file": "a", "key_file": "b"}, ["needs a security_policy"] * 2),
        ({"username": "u"}, ["username needs password_file"]),
        ({"password_file": "p"}, ["password_file needs username"]),
        ({"username": "u", "password_file": "p"}, ["username needs server_certificate_file"]),
        ({"username": "u", "password_file": "p", "server_certificate_file": "s"}, []),
        ({"server_certificate_file": "s"}, ["server_certificate_file needs"]),
    ],
)
def test_keys_that_do_not_fit_together(keys, told):
    """Each is told; a password never goes to a server that nobody knows."""
    found = [text for _, text in device(**keys).faults()]

    assert len(found) == len(told)
    assert all(part in text for part, text in zip(told, found, strict=True))


def test_the_missing_package_is_told_by_check(monkeypatch):
    """With the command that installs it; without certificates nothing is missing."""
    monkeypatch.setattr(config, "find_spec", lambda _: None)

    keys = {"username": "u", "password_file": "p", "server_certificate_file": "s"}

    assert list(device().faults()) == []
    assert list(device(**keys).faults()) == [(("server_certificate_file",), config.MISSING)]
    assert "pip install 'gridsentinel[opcua]'" in config.MISSING


def test_who_shares_a_session():
    """The same url, user and security; a password for one device is not used for another."""
    user = {"username": "u", "password_file": "p", "server_certificate_file": "s"}

    assert device(name="a").endpoint == device(name="b", every_s=5).endpoint
    assert len({device().endpoint, device(**user).endpoint, device(**{**user, "username": "v"}).endpoint}) == 3
