"""Modbus in TLS: both sides show who they are, and everything else is refused (MB-TCP-Security-v36)."""

import ssl
from hashlib import sha256

import pytest

from protocols.driver import LinkLost
from protocols.modbus.config import ModbusDevice
from protocols.model import EventKind


def device(**keys):
    return ModbusDevice(**{"name": "d", "protocol": "modbus", "url": "tls://localhost:802", **keys})


def of(build, port, **keys):
    return build(f"tls://localhost:{port}", {"points": {"a": "holding:5"}, **keys})


async def test_a_device_whose_certificate_is_not_trusted(modbus_tls_case, build, certificates):
    """Another authority: nothing is asked, and the message says why."""
    serve, _ = modbus_tls_case
    async with serve() as port:
        driver = of(build, port, ca_file=certificates.other_ca)
        with pytest.raises(ssl.SSLCertVerificationError, match="certificate verify failed"):
            await driver.connect()


async def test_a_device_with_another_name(modbus_tls_case, build, certificates):
    """The name in the certificate is that of the url, or the one that the configuration expects."""
    serve, _ = modbus_tls_case
    ours = {"ca_file": certificates.ca, "cert_file": certificates.client, "key_file": certificates.client_key}
    async with serve() as port:
        with pytest.raises(ssl.SSLCertVerificationError, match="meter7"):
            await of(build, port, **ours, server_name="meter7").connect()

        driver = build(f"tls://127.0.0.1:{port}", {"points": {"a": "holding:5"}, **ours, "server_name": "localhost"})
        await driver.connect()
        [batch] = await driver.read(driver.scans[0])
        await driver.close()
    assert batch.values.tolist() == [5]
    shown = ssl.PEM_cert_to_DER_cert(certificates.server.read_text())
    [told] = [each for each in driver.told if each.kind is EventKind.SECURITY]
    assert (told.function, told.facts["value"]) == ("certificate", sha256(shown).hexdigest())


async def test_a_device_that_asks_for_our_certificate_and_gets_none(modbus_tls_case, build, certificates):
    """It ends the conversation; in TLS 1.3 that shows at the first request."""
    serve, _ = modbus_tls_case
    async with serve() as port:
        driver = of(build, port, ca_file=certificates.ca)
        with pytest.raises((LinkLost, OSError)):  # noqa: PT012 - at connecting or at reading, as the version of TLS has it
            await driver.connect()
            await driver.read(driver.scans[0])
        await driver.close()


async def test_a_device_that_speaks_no_tls(peer, build, certificates):
    """Modbus/TCP in the clear is no answer to TLS."""
    driver = build(f"tls://127.0.0.1:{peer.port}", {"points": {"a": "holding:5"}, "ca_file": certificates.ca})
    with pytest.raises((OSError, LinkLost)):
        await driver.connect()
    await driver.close()


def test_devices_share_a_conversation_if_they_show_the_same():
    """Another certificate is another conversation, with the same url."""
    assert device().endpoint == device().endpoint == "tls://localhost:802"
    assert device(cert_file="a", key_file="b").endpoint != device().endpoint


def test_files_need_tls_and_one_another():
    """What cannot work is a fault of the configuration."""
    plain = device(url="tcp://h", ca_file="a")
    assert list(plain.faults()) == [(("ca_file",), "ca_file needs a tls:// url")]
    assert list(device(cert_file="a").faults()) == [(("cert_file",), "cert_file needs key_file beside it")]
