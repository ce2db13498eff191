"""TLS as the tap sees it: version and certificate of a session, and whether it is TLS at all."""

import ssl
from hashlib import sha256
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tapped import Tapped

from protocols.model import EventKind
from protocols.tap.tls import HANDSHAKE_MAX, TlsConversation


def handshake(certificates, version, *, trusted: bool = True) -> list[tuple[bool, bytes]]:
    """Return what OpenSSL's client and server say to each other, and a word after it."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificates.server, certificates.server_key)
    client = ssl.create_default_context(cafile=certificates.ca if trusted else certificates.other_ca)
    client.minimum_version = client.maximum_version = version
    wires = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = (
        client.wrap_bio(wires[1], wires[0], server_hostname="localhost"),
        server.wrap_bio(wires[0], wires[1], server_side=True),
    )
    said: list[tuple[bool, bytes]] = []
    for _ in range(4):
        for from_client, end in ((True, ends[0]), (False, ends[1])):
            there = wires[0] if from_client else wires[1]
            try:
                end.do_handshake()
                end.write(b"a word")
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLError:
                assert not trusted
            if data := there.read():
                said.append((from_client, data))
                there.write(data)
    return said


def test_version_and_certificate_are_told(certificates):
    """TLS 1.2 shows the server's certificate; its fingerprint is that of the file."""
    tapped = Tapped(TlsConversation, 802)
    for from_client, data in handshake(certificates, ssl.TLSVersion.TLSv1_2):
        tapped.says(from_client, data)
    der = ssl.PEM_cert_to_DER_cert(certificates.server.read_text())

    assert [(one.function, one.value, one.event.source) for one in tapped.told()] == [
        ("version", "TLS 1.2", "10.0.0.5"),
        ("certificate", sha256(der).hexdigest(), "10.0.0.11"),
    ]


def test_the_newer_version_hides_certificates(certificates):
    """TLS 1.3 encrypts them; that it is TLS 1.3 stands in an extension."""
    tapped = Tapped(TlsConversation, 802)
    for from_client, data in handshake(certificates, ssl.TLSVersion.TLSv1_3):
        tapped.says(from_client, data)

    assert [(one.function, one.value) for one in tapped.told()] == [("version", "TLS 1.3")]


def test_a_refused_certificate_is_told(certificates):
    """Who does not trust the other says so in an alert, which can be read."""
    tapped = Tapped(TlsConversation, 802)
    for from_client, data in handshake(certificates, ssl.TLSVersion.TLSv1_2, trusted=False):
        tapped.says(from_client, data)

    assert [one.code for one in tapped.told() if one.kind is EventKind.EXCEPTION] == ["48"]


def test_a_session_that_is_not_encrypted_is_told(certificates):
    """Modbus in clear on the port of TLS, at the beginning or later, is malformed."""
    for said in ([], handshake(certificates, ssl.TLSVersion.TLSv1_2)):
        tapped = Tapped(TlsConversation, 802)
        for from_client, data in said:
            tapped.says(from_client, data)
        tapped.told()
        tapped.says(True, bytes.fromhex("000100000006010600010001"))

        assert [one.why for one in tapped.told()] == ["no TLS"]


@pytest.mark.parametrize("size", [40_000, 2**24 - 1])
def test_an_opening_without_end_is_not_kept(size):
    """Nobody makes the tap keep more of an opening than its bound."""
    tapped = Tapped(TlsConversation, 802)
    opening = b"\x0b" + size.to_bytes(3, "big") + bytes(HANDSHAKE_MAX * 3)
    for at in range(0, len(opening), 4000):
        piece = opening[at : at + 4000]
        tapped.says(False, b"\x16\x03\x03" + len(piece).to_bytes(2, "big") + piece)
        assert len(tapped.conversation._server.opening) <= HANDSHAKE_MAX

    assert [one.kind for one in tapped.told()] == [EventKind.MALFORMED]


HELLO = bytes.fromhex("160303004a0200004603030102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f2000c02f00")
HELLO += bytes(79 - len(HELLO)) + bytes.fromhex("16030300100b00000c00000900000611223344556600")


@given(st.lists(st.integers(0, len(HELLO)), max_size=8))
def test_cuts_change_nothing(cuts):
    """However TCP cuts the stream, the same is told."""
    whole, cut = Tapped(TlsConversation, 802), Tapped(TlsConversation, 802)
    whole.says(False, HELLO)
    for a, b in pairwise([0, *sorted(cuts), len(HELLO)]):
        cut.conversation.data(from_client=False, data=memoryview(HELLO[a:b]), time_ns=whole.now_ns)

    assert whole.read == ["2", "11"]
    assert list(map(repr, cut.notes.take(whole.now_ns))) == list(map(repr, whole.notes.take(whole.now_ns)))


@given(st.integers(0, len(HELLO)), st.binary(max_size=40), st.integers(0, 20), st.booleans())
def test_no_bytes_raise(at, noise, hole, from_client):
    """Whatever is overwritten, inserted or missing, nothing is raised."""
    tapped = Tapped(TlsConversation, 802)
    tapped.says(from_client, HELLO[:at] + noise + HELLO[at + hole :])
    tapped.conversation.lost(from_client=from_client)
    tapped.says(from_client, HELLO)
