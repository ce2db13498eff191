"""Chunks, security policies, requests and handshakes: each compared with asyncua, and nothing forged is ever taken."""

import random
import struct
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from asyncua import ua
from asyncua.common.connection import SecureConnection, TransportLimits
from asyncua.common.utils import Buffer
from asyncua.crypto import security_policies
from asyncua.ua.ua_binary import header_from_binary, nodeid_to_binary, struct_from_binary, struct_to_binary
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from protocols.opcua import encoding
from protocols.opcua.binary import Reader, Violation
from protocols.opcua.chunks import Chunks
from protocols.opcua.config import Address, OpcuaDevice
from protocols.opcua.handshake import created, endpoints, keys, subscribed
from protocols.opcua.security import Known

POLICIES = {
    "Basic256Sha256": security_policies.SecurityPolicyBasic256Sha256,
    "Aes128_Sha256_RsaOaep": security_policies.SecurityPolicyAes128Sha256RsaOaep,
    "Aes256_Sha256_RsaPss": security_policies.SecurityPolicyAes256Sha256RsaPss,
}
OURS, THEIRS = bytes(range(32)), bytes(range(32, 64))
NOW = datetime(2026, 11, 20, tzinfo=UTC)


def application(folder, name, bits):
    key = rsa.generate_private_key(65537, bits)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    names = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(f"urn:{name}")])
    made = x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
    made = made.not_valid_before(NOW).not_valid_after(NOW + timedelta(days=1)).add_extension(names, critical=False)
    certificate = made.sign(key, hashes.SHA256())
    pem = serialization.Encoding.PEM
    (folder / f"{name}.pem").write_bytes(certificate.public_bytes(pem))
    plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (folder / f"{name}.key").write_bytes(key.private_bytes(pem, *plain))
    return certificate, key


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pki")
    return folder, application(folder, "gw1", 2048), application(folder, "server", 3072)


def ends(pki, policy, mode):
    """Return our end and asyncua's end of a channel that has agreed on keys; 2048 bit keys here, 3072 there."""
    folder, (certificate, _), (server, server_key) = pki
    device = OpcuaDevice(
        name="hmi", protocol="opcua", url="opc.tcp://h", security_policy=policy, security_mode=mode,
        certificate_file=folder / "gw1.pem", key_file=folder / "gw1.key", server_certificate_file=folder / "server.pem",
    )  # fmt: skip
    security = Known(device).security
    ours = Chunks(security, max_message_bytes=1_000_000, max_chunks=100)
    their_mode = ua.MessageSecurityMode(security.mode)
    their_policy = POLICIES[policy](certificate, server, server_key, their_mode)
    theirs = SecureConnection(their_policy, TransportLimits(65_535, 65_535, 100, 1_000_000))
    theirs.security_token = ua.ChannelSecurityToken(7, 3, RevisedLifetime=3_600_000)
    theirs.set_policy_factories([])
    return ours, theirs, security


def agree(ours, theirs, security):
    lock, key = security.agree(OURS, THEIRS)
    ours.agreed(channel=7, token=3, lock=lock, key=key)
    theirs.security_policy.make_local_symmetric_key(OURS, THEIRS)
    theirs.security_policy.make_remote_symmetric_key(THEIRS, OURS, 3_600_000)


def received(theirs, chunks):
    """Return the request and body that asyncua finds in `chunks`."""
    buffer, message = Buffer(chunks), None
    while buffer:
        message = theirs.receive_from_header_and_body(header_from_binary(buffer), buffer)
    return message.request_id(), bytes(message.body())


@pytest.mark.parametrize("mode", ["sign", "sign_and_encrypt"])
@pytest.mark.parametrize("policy", POLICIES)
def test_another_implementation_reads_ours_and_we_read_its(pki, policy, mode):
    """The opening of the channel and messages of every length around a block and a chunk."""
    ours, theirs, security = ends(pki, policy, mode)
    opening = received(theirs, ours.opening(1, b"open"))
    answer = ours.take(theirs.message_to_binary(b"opened", ua.MessageType.SecureOpen, 1))
    agree(ours, theirs, security)

    assert (opening, answer) == ((1, b"open"), (1, b"opened"))
    for request, size in enumerate((*range(1, 40), 65_400, 65_535, 200_000), start=2):
        body = random.Random(size).randbytes(size)
        back = theirs.message_to_binary(body, request_id=request)
        found = [taken for chunk in cut(back) if (taken := ours.take(chunk))]
        assert received(theirs, ours.message(request, body)) == (request, body)
        assert found == [(request, body)]


def cut(data):
    while data:
        size = struct.unpack_from("<I", data, 4)[0]
        yield data[:size]
        data = data[size:]


@pytest.mark.parametrize("mode", ["sign", "sign_and_encrypt"])
@pytest.mark.parametrize("policy", POLICIES)
def test_a_changed_bit_is_never_taken(pki, policy, mode):
    """Anywhere after the length of a chunk, of a message as of an opening: a violation."""
    ours, theirs, security = ends(pki, policy, mode)
    opened = theirs.message_to_binary(b"opened", ua.MessageType.SecureOpen, 1)
    agree(ours, theirs, security)
    message = theirs.message_to_binary(b"0123456789abcdef", request_id=2)
    for chunk, step in ((opened, 97), (message, 5)):
        for at in range(8, len(chunk), step):
            forged = bytearray(chunk)
            forged[at] ^= 1 << at % 8
            with pytest.raises(Violation):
                ours.take(bytes(forged))


def test_replays_and_reordering_are_violations(pki):
    """Each chunk is taken once, in its order."""
    ours, theirs, security = ends(pki, "Basic256Sha256", "sign_and_encrypt")
    agree(ours, theirs, security)
    first, second, third = (theirs.message_to_binary(b"x", request_id=n) for n in (1, 2, 3))

    assert ours.take(first) == (1, b"x")
    with pytest.raises(Violation, match="sequence number 1 follows 1"):
        ours.take(first)
    with pytest.raises(Violation, match="sequence number 3 follows 1"):
        ours.take(third)
    assert second


def test_new_keys_take_over_and_the_last_ones_are_still_understood(pki):
    """What the server sent before it heard of the new ones; older ones are forgotten."""
    ours, theirs, security = ends(pki, "Basic256Sha256", "sign_and_encrypt")
    agree(ours, theirs, security)
    under_way = theirs.message_to_binary(b"old", request_id=1)
    lock, key = security.agree(THEIRS, OURS)
    ours.agreed(channel=7, token=4, lock=lock, key=key)
    late = ours.take(under_way)
    ours.agreed(channel=7, token=5, lock=lock, key=key)

    assert late == (1, b"old")
    with pytest.raises(Violation, match="token 3, which nobody agreed on"):
        ours.take(theirs.message_to_binary(b"older", request_id=2))


def test_mutations_are_violations_and_nothing_else(pki):
    """20,000 damaged chunks of each kind."""
    dice = random.Random(11)
    for policy, mode in (("Basic256Sha256", "sign_and_encrypt"), ("Aes128_Sha256_RsaOaep", "sign")):
        ours, theirs, security = ends(pki, policy, mode)
        opened = theirs.message_to_binary(b"opened", ua.MessageType.SecureOpen, 1)
        agree(ours, theirs, security)
        message = theirs.message_to_binary(bytes(100), request_id=2)
        for chunk, count in ((opened, 200), (message, 10_000)):
            for _ in range(count):
                damaged = bytearray(chunk[: dice.choice((len(chunk), dice.randrange(12, len(chunk))))])
                damaged[dice.randrange(8, len(damaged))] ^= dice.randrange(1, 256)
                with pytest.raises(Violation):
                    ours.take(bytes(damaged))


@pytest.mark.parametrize(
    "text",
    ["i=85", "i=2258", "ns=2;i=70000", "ns=300;i=1", "ns=2;s=T1.OilTemp", "ns=2;s=Öl;x=1",
     "ns=1;g=09087e75-8e5e-499b-954f-f2a9603db28a", "ns=1;b=M/RbKBsRVkePCePcx24oRA=="],
)  # fmt: skip
def test_node_ids(text):
    """As another implementation writes them, and read again as they were."""
    place = Address.parse(text)

    assert struct_from_binary(
        ua.ReadValueId,
        Buffer(encoding.node(place, place.namespace) + b"\x0d\0\0\0" + b"\xff" * 4 + b"\0\0" + b"\xff" * 4),
    ).NodeId == ua.NodeId.from_string(text)
    assert str(place) == text


def test_requests_are_understood():
    """Read, subscribe, watch with and without a dead-band, publish."""
    node = nodeid_to_binary(ua.NodeId("a", 2))
    read = struct_from_binary(ua.ReadParameters, Buffer(encoding.read([node, node])))
    subscribe = encoding.create_subscription(publishing_ms=500.0, lifetime=100, keepalive=10, most=1000)
    made = struct_from_binary(ua.CreateSubscriptionParameters, Buffer(subscribe))
    wanted = [encoding.Watching(node, 5, 250.0, 0.5, 10), encoding.Watching(node, 6, 0.0, 0.0, 20)]
    watched = struct_from_binary(ua.CreateMonitoredItemsParameters, Buffer(encoding.create_monitored_items(4, wanted)))
    publish = struct_from_binary(ua.PublishParameters, Buffer(encoding.publish([(4, 17)])))

    first, second = watched.ItemsToCreate
    assert [each.NodeId for each in read.NodesToRead] == [ua.NodeId("a", 2)] * 2
    assert read.TimestampsToReturn == ua.TimestampsToReturn.Source
    assert (made.RequestedPublishingInterval, made.RequestedLifetimeCount, made.PublishingEnabled) == (500, 100, True)
    assert (first.RequestedParameters.ClientHandle, first.RequestedParameters.QueueSize) == (5, 10)
    band = first.RequestedParameters.Filter
    assert (band.Trigger, band.DeadbandType, band.DeadbandValue) == (ua.DataChangeTrigger.StatusValue, 1, 0.5)
    assert second.RequestedParameters.Filter in (None, ua.ExtensionObject())
    assert publish.SubscriptionAcknowledgements == [ua.SubscriptionAcknowledgement(4, 17)]


def test_answers_of_a_handshake():
    """Keys, session and subscription as another implementation writes them; every cut is a violation."""
    token = ua.UserTokenPolicy("user", ua.UserTokenType.UserName, SecurityPolicyUri="uri")
    end = ua.EndpointDescription("url", ua.ApplicationDescription(DiscoveryUrls=["a"]), b"der", 3, "policy", [token])
    session = ua.CreateSessionResult(
        ua.NodeId(1, 2), ua.NodeId("token", 2), 60_000.0, b"nonce", b"cert", [end], [], ua.SignatureData("x", b"sig")
    )
    data = struct_to_binary(session)
    made = created(Reader(data))
    found = keys(Reader(struct_to_binary(ua.OpenSecureChannelResult(0, ua.ChannelSecurityToken(1, 2, NOW, 3), b"n"))))

    assert made.token == nodeid_to_binary(ua.NodeId("token", 2))
    assert made.timeout_s == 60.0
    assert (made.nonce, made.certificate, made.signature) == (b"nonce", b"cert", b"sig")
    assert [(e.certificate, e.mode, e.policy_uri, e.users) for e in made.endpoints] == [
        (b"der", 3, "policy", (("user", 1, "uri"),))
    ]
    assert endpoints(Reader(struct.pack("<i", 1) + struct_to_binary(end))) == made.endpoints
    assert found == (1, 2, 3, b"n")
    assert subscribed(Reader(struct_to_binary(ua.CreateSubscriptionResult(4, 500.0, 100, 10)))) == (4, 0.5, 5.0, 50.0)
    for length in range(len(data) - 4):
        with pytest.raises(Violation):
            created(Reader(data[:length]))


def test_only_what_certificates_need_is_loaded():
    """The driver runs without asyncua, and without cryptography until a certificate is named."""
    code = "import sys, protocols.opcua.driver; print([m for m in ('asyncua', 'cryptography') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)

    assert done.stdout.strip() == "[]"
