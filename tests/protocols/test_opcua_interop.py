"""The OPC UA driver against node-opcua, fetched from npm: an implementation that shares nothing with asyncua."""

import asyncio
import os
import signal
import ssl
import subprocess
import time
from hashlib import sha256
from pathlib import Path

import pytest
from told import PATIENCE_S, drained, events, outlasted, readings
from way import Network

from protocols.driver import LinkLost
from protocols.model import Batch, EventKind, Quality
from protocols.sighting import Sighting

pytestmark = pytest.mark.interop

VERSION = "2.186.4"
HERE = Path(__file__).parent
FOLDER = HERE.parents[1] / ".peers/node-opcua"
POLICIES = ["Basic256Sha256", "Aes128_Sha256_RsaOaep", "Aes256_Sha256_RsaPss"]


def certificate(folder, name, uri):
    """Make an RSA key and a certificate of its own for an application; openssl, as an engineer would."""
    alternative = f"subjectAltName=URI:{uri},DNS:localhost,IP:127.0.0.1"
    uses = "digitalSignature,nonRepudiation,keyEncipherment,dataEncipherment,keyCertSign"
    subprocess.run(
        [
            "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", f"/CN={name}",
            "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.pem", "-addext", alternative,
            "-addext", f"keyUsage=critical,{uses}", "-addext", "extendedKeyUsage=serverAuth,clientAuth",
        ],
        check=True, capture_output=True,
    )  # fmt: skip


@pytest.fixture(scope="session")
def modules():
    """Return where node-opcua is, fetched once."""
    found = FOLDER / "node_modules"
    if not (found / "node-opcua-server/package.json").exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        words = ["npm", "install", "--no-audit", "--no-fund", "--silent", f"node-opcua-server@{VERSION}"]
        subprocess.run(words, cwd=FOLDER, check=True, capture_output=True)
    return found


@pytest.fixture(scope="session")
def pki(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pki")
    for name in ("server", "gw1", "other"):
        certificate(folder, name, f"urn:{name}")
    (folder / "password").write_text("secret\n")
    (folder / "wrong").write_text("guess\n")
    return folder


class Node:
    """A server in a process of its own."""

    def __init__(self, modules, pki, port):
        self.port, self._pki = port, pki
        self._environment = {**os.environ, "NODE_OPCUA": str(modules)}
        self.process = None

    def start(self, trust="trust"):
        words = ["node", HERE / "opcua_peer.js", str(self.port), self._pki, trust]
        self.process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=self._environment
        )
        self.wait("ready")

    def wait(self, word):
        while not (line := self.process.stdout.readline()).startswith(word):
            assert line, "node-opcua has ended"

    async def tell(self, *words):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        await asyncio.to_thread(self.wait, "done")

    def kill(self):
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            pipe.close()


@pytest.fixture(scope="module")
def node(modules, pki, steady):
    node = Node(modules, pki, steady())
    node.start()
    yield node
    node.kill()


async def begun(driver):
    """Connect, read, and take the values that a subscription begins with, which may come before or after the read."""
    found = list(await driver.connect())
    found += await driver.read(driver.scans[0])
    rows = driver.scans[0].rows.tolist()
    return found + await drained(driver, lambda new: all(len(readings(found + new, row)) >= 2 for row in rows))


async def test_values_types_and_bad_nodes(node, opcua):
    """Numbers of every kind, with their time; what cannot be read is named and stops nobody."""
    points = {
        "a": "ns=2;s=n5",
        "on": "nsu=urn:test;s=on",
        "tap": "ns=2;s=tap",
        "no": "ns=2;s=no",
        "text": "ns=2;s=text",
    }
    driver = opcua(node.port, points)
    found = list(await driver.connect())
    seen = await driver.read(driver.scans[0])
    [batch] = [each for each in seen if isinstance(each, Batch)][-1:]
    await driver.close()

    bad = Quality.INVALID | Quality.BAD_REFERENCE
    assert batch.values[:3].tolist() == [5.0, 1.0, 7.0]
    assert batch.quality.tolist() == [0, 0, 0, bad, bad]
    assert (abs(batch.time_ns[:3] - time.time_ns()) < 600e9).all()
    assert events(found, EventKind.IDENTITY) == ["Interop Peer 1.2 3"]
    assert events(found, EventKind.REFUSED) == ["ns=2;s=no (point no): BadNodeIdUnknown"]


async def test_every_change_arrives_in_its_order(node, opcua):
    """30 changes, 110 ms apart, at two publishes a second: none is missing, and their times ascend."""
    driver = opcua(node.port, {"a": "ns=2;s=n1"}, publishing_ms=500, sampling_ms=0)  # at least 50 for node-opcua
    await begun(driver)
    await node.tell("count", "n1", 30, 110)
    found = await drained(driver, lambda found: readings(found) and readings(found)[-1][0] == 30.0)
    await driver.close()

    values, quality, times = zip(*readings(found), strict=True)
    assert list(values[-30:]) == [float(n) for n in range(1, 31)]
    assert not any(quality)
    assert list(times) == sorted(times)
    assert events(found, EventKind.OVERFLOW) == []


async def test_the_dead_band(node, opcua):
    """In the server: what moves by less is not sent; each value is sampled before the next one is set."""
    band = {"address": "ns=2;s=n2", "deadband": 1.0}
    driver = opcua(node.port, {"all": "ns=2;s=n2", "band": band}, publishing_ms=50, sampling_ms=0)
    await begun(driver)
    found = []
    for value in (2.5, 2.9, 9.0):
        await node.tell("set", "n2", value)
        found += await drained(driver, lambda new, value=value: value in [each for each, *_ in readings(new)])
    found += await drained(driver, lambda new: readings(found + new, 1))
    await node.tell("set", "n2", 2)
    await driver.close()

    assert [value for value, *_ in readings(found, 1)] == [9.0]


async def test_a_status_arrives_as_quality(node, opcua):
    """By the table."""
    driver = opcua(node.port, {"a": "ns=2;s=n3"}, publishing_ms=50, sampling_ms=0)
    await begun(driver)
    await node.tell("status", "n3", "BadSensorFailure")
    found = await drained(driver, readings)
    await node.tell("set", "n3", 3)
    await driver.close()

    assert readings(found)[-1][1] == Quality.INVALID | Quality.FAILURE


async def test_a_server_that_is_killed_and_started_again(node, opcua):
    """Lost at once; after the restart everything is as before, and the restart is said."""
    driver = opcua(node.port, {"a": "ns=2;s=n1", "b": "nsu=urn:test;s=n2"})
    await begun(driver)
    node.kill()
    began = time.monotonic()
    with pytest.raises(LinkLost):
        await drained(driver, lambda _: False)
    took_s = time.monotonic() - began
    await driver.close()
    with pytest.raises(OSError, match=r"refused|failed"):
        await driver.connect()
    await asyncio.to_thread(node.start)
    found = list(await driver.connect())
    found += await driver.read(driver.scans[0])
    await driver.close()

    assert took_s < 1.0
    assert events(found, EventKind.RESTART) == ["the server was started anew"]
    assert "changes may be lost, all values are read" in events(found, EventKind.OVERFLOW)[0]
    assert [readings(found, row)[-1][0] for row in (0, 1)] == [1.0, 2.0]


async def test_a_server_that_is_frozen_for_two_seconds(node, opcua):
    """It is not lost, and what changed before and after is all there."""
    driver = opcua(node.port, {"a": "ns=2;s=n4"}, publishing_ms=100, sampling_ms=0, keepalive_s=1)
    await begun(driver)
    await node.tell("count", "n4", 30, 110)
    node.process.send_signal(signal.SIGSTOP)
    until = time.monotonic() + 2
    frozen = await drained(driver, lambda _: time.monotonic() > until)
    node.process.send_signal(signal.SIGCONT)
    found = frozen + await drained(driver, lambda found: readings(found) and readings(found)[-1][0] == 30.0)
    await driver.close()

    assert [value for value, *_ in readings(found)][-30:] == [float(n) for n in range(1, 31)]


@pytest.mark.parametrize("mode", ["sign", "sign_and_encrypt"])
@pytest.mark.parametrize("policy", POLICIES)
async def test_security_with_certificates_and_a_user(node, opcua, secured, policy, mode):
    """Every policy and mode: signed and encrypted sessions bring values, and renew their keys."""
    driver = opcua(node.port, {"a": "ns=2;s=n5"}, **secured(security_policy=policy, security_mode=mode))
    await begun(driver)
    driver._connection.session.channel.renew_at = 0
    await driver.read(driver.scans[-1])
    await node.tell("set", "n5", 55)
    found = await drained(driver, lambda found: readings(found) and readings(found)[-1][0] == 55.0)
    found += await driver.read(driver.scans[0])
    await node.tell("set", "n5", 5)
    await driver.close()

    assert readings(found)[-1][:2] == (55.0, 0)


async def test_a_user_without_a_policy(node, opcua, secured):
    """The password is encrypted for the server we know, also where messages are not."""
    keys = secured(security_policy="none", certificate_file=None, key_file=None)
    driver = opcua(node.port, {"a": "ns=2;s=n5"}, **keys)
    found = await begun(driver)
    await driver.close()

    assert readings(found)[-1][0] == 5.0


async def test_a_wrong_password(node, opcua, secured, pki):
    """Is told as what it is, and not tried in another way."""
    driver = opcua(node.port, {"a": "ns=2;s=n5"}, **secured(password_file=pki / "wrong"))
    with pytest.raises(LinkLost, match=r"refuses to activate session: Bad(IdentityTokenRejected|UserAccessDenied)"):
        await driver.connect()
    await driver.close()


@pytest.mark.parametrize("policy", ["Basic256Sha256", "none"])
async def test_a_certificate_that_has_changed(node, opcua, secured, pki, policy):
    """No session, no password, and both fingerprints are told."""
    keys = secured(security_policy=policy, server_certificate_file=pki / "other.pem")
    if policy == "none":
        keys |= {"certificate_file": None, "key_file": None}
    driver = opcua(node.port, {"a": "ns=2;s=n5"}, **keys)
    with pytest.raises(
        LinkLost, match=r"certificate is not the one in server_certificate_file: it shows [0-9A-F:]+, known is"
    ) as lost:
        await driver.connect()
    await driver.close()

    [told] = [each for each in lost.value.events if isinstance(each, Sighting)]
    files = ((pki / name).read_text() for name in ("server.pem", "other.pem"))
    shown, known = (sha256(ssl.PEM_cert_to_DER_cert(text)).hexdigest() for text in files)
    assert (told.kind, told.function) == (EventKind.SECURITY, "certificate")
    assert dict(told.facts) == {"value": shown, "was": known, "refused": True}


async def test_a_server_that_does_not_trust_us(modules, pki, opcua, secured, steady):
    """The engineer is told where to look."""
    node = Node(modules, pki, steady())
    await asyncio.to_thread(node.start, "distrust")
    certificate(pki, "gw2", "urn:gw2")
    try:
        keys = secured(certificate_file=pki / "gw2.pem", key_file=pki / "gw2.key")
        driver = opcua(node.port, {"a": "ns=2;s=n5"}, **keys)
        with pytest.raises(LinkLost, match="does it trust ours"):
            await driver.connect()
        await driver.close()
    finally:
        node.kill()


@pytest.fixture
def secured(pki):
    """Return a factory of the keys of a secured device."""
    keys = {
        "security_policy": "Basic256Sha256", "certificate_file": pki / "gw1.pem", "key_file": pki / "gw1.key",
        "server_certificate_file": pki / "server.pem", "username": "gw1", "password_file": pki / "password",
        "publishing_ms": 100, "sampling_ms": 0,
    }  # fmt: skip
    return lambda **other: {**keys, **other}


async def test_a_server_that_is_frozen_for_longer_than_we_wait(node, opcua):
    """The link is given up, the session is not: what changed before and after is all there, in its order.

    node-opcua tells one value twice as it wakes, with the same time, in two notifications.
    """
    driver = opcua(node.port, {"a": "ns=2;s=n8"}, publishing_ms=100, sampling_ms=0, keepalive_s=0.5, timeout_s=0.5)
    await begun(driver)
    session = driver._connection.session
    await node.tell("count", "n8", 140, 110, 100)
    found = await outlasted(driver, lambda found: 105.0 in counted(found))
    node.process.send_signal(signal.SIGSTOP)
    with pytest.raises(LinkLost, match="no keep-alive"):
        await taken(driver, found)
    await driver.close()
    connecting = asyncio.create_task(driver.connect())
    await asyncio.sleep(2)
    node.process.send_signal(signal.SIGCONT)
    found += await connecting
    found += await outlasted(driver, lambda found: 140.0 in counted(found))
    same = driver._connection.session is session
    await driver.close()

    assert same
    assert list(dict.fromkeys(counted(found, 100))) == [float(n) for n in range(100, 141)]
    assert counted(found) == sorted(counted(found))
    assert events(found, EventKind.OVERFLOW) == []


@pytest.fixture
async def way(node):
    async with Network(node.port).open() as way:
        yield way


async def taken(driver, found):
    """Drain into `found` until the link is lost."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            found.extend(await driver.read(driver.scans[-1]))
            await asyncio.sleep(0.01)


def counted(found, first=0):
    return [value for value, *_ in readings(found) if value >= first]


@pytest.mark.parametrize("secure", [False, True])
async def test_a_link_that_is_cut_for_seconds(node, way, opcua, secured, secure):
    """A value changes at 9 Hz: every change arrives once, in its order, from the same session."""
    keys = secured(security_policy="Basic256Sha256") if secure else {"publishing_ms": 100, "sampling_ms": 0}
    driver = opcua(way.place, {"a": "ns=2;s=n6"}, **keys)
    await begun(driver)
    session = driver._connection.session
    await node.tell("count", "n6", 150, 110, 100)
    found = await outlasted(driver, lambda found: 105.0 in counted(found))
    await way.cut()
    with pytest.raises(LinkLost):
        await taken(driver, found)
    await driver.close()
    await asyncio.sleep(3)
    await way.mend()
    found += await outlasted(driver, lambda found: 150.0 in counted(found))
    same = driver._connection.session is session
    await driver.close()

    assert same
    assert counted(found, 100) == [float(n) for n in range(100, 151)]
    assert events(found, EventKind.OVERFLOW) == []


async def test_a_link_that_swallows_what_was_sent(node, way, opcua):
    """The server sends into nothing until we give the link up: what it sent comes again."""
    driver = opcua(way.place, {"a": "ns=2;s=n7"}, publishing_ms=100, sampling_ms=0, keepalive_s=0.5, timeout_s=1)
    await begun(driver)
    await node.tell("count", "n7", 140, 110, 100)
    found = await outlasted(driver, lambda found: 105.0 in counted(found))
    way.spoil = way.silent
    with pytest.raises(LinkLost, match="no keep-alive"):
        await taken(driver, found)
    await driver.close()
    way.spoil = way.honest
    found += await outlasted(driver, lambda found: 140.0 in counted(found))
    await driver.close()

    assert counted(found, 100) == [float(n) for n in range(100, 141)]
    assert events(found, EventKind.OVERFLOW) == []
