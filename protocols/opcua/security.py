"""Who may speak with whom: our certificate, the one certificate of the server, and a password that only it can read.

The server's certificate is pinned: it is compared whole, so its age and issuer do not matter, and a new one is refused
until the engineer has put it in place. Files are read at each connect: a renewed one is taken without a restart.
"""

import hashlib
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, load_der_private_key, load_pem_private_key

from protocols.driver import LinkLost
from protocols.opcua import encoding
from protocols.opcua.chunks import Security, plain
from protocols.opcua.config import OpcuaDevice
from protocols.opcua.crypto import SUITES, RsaKey, RsaLock, Suite, agree
from protocols.opcua.handshake import Created, UserPolicy
from protocols.opcua.partner import URI, Impostor, anonymous

MODES: Final = {"sign": 2, "sign_and_encrypt": 3}
PEM: Final = b"-----BEGIN"
NONCE_BYTES: Final = 32
ENCRYPTED: Final = 3
USER: Final = 1


class Known:
    """A server by its certificate, as `device` tells it.

    Raises:
        LinkLost: a file cannot be read, or is no certificate or key.
    """

    def __init__(self, device: OpcuaDevice) -> None:
        self._device = device
        self._certificate = _certificate(device, "server_certificate_file")
        self._shown = self._certificate.public_bytes(Encoding.DER)
        self._suite = SUITES.get(device.security_policy)
        self.security = plain() if self._suite is None else self._secured(self._suite)
        self.uri = URI if self.security.certificate is None else application_uri(self.security.certificate)

    def differs(self, shown: bytes) -> Impostor | None:
        """Return what is wrong with the certificate that a server shows, or None; others of its chain may follow."""
        if shown.startswith(self._shown):
            return None
        seen = fingerprint(shown) if shown else "none"
        why = f"the server's certificate is not the one in server_certificate_file: it shows {seen}, "
        return Impostor(
            f"{why}known is {fingerprint(self._shown)}",
            shown=hashlib.sha256(shown).hexdigest() if shown else "",
            known=hashlib.sha256(self._shown).hexdigest(),
        )

    def prove(self, made: Created, nonce: bytes) -> None:
        """Do nothing if the server has shown by its signature over our `nonce` that it is the one we know.

        Raises:
            LinkLost, Violation: it has not.
        """
        if impostor := self.differs(made.certificate):
            raise impostor
        if self.security.certificate is not None:
            self.security.key.verify(self.security.certificate + nonce, made.signature)

    def identity(self, offered: Sequence[UserPolicy], nonce: bytes) -> bytes:
        """Return the user of the device, whose password only this server can read; or nobody.

        Raises:
            LinkLost: the server takes no password, or would have it in clear.
        """
        if self._device.username is None:
            return anonymous(offered)
        taken = [policy for policy in offered if policy.kind == USER]
        if not taken:
            raise LinkLost("the server takes no username with a password")
        for policy in taken:
            suite = next((each for each in SUITES.values() if each.uri == (policy.uri or self.security.uri)), None)
            if suite is not None:
                return self._user(self._device.username, policy.id, suite, nonce)
        if self.security.mode != ENCRYPTED:
            raise LinkLost("the server would have the password in clear: use security_mode sign_and_encrypt")
        return encoding.user(taken[0].id, self._device.username, _password(self._device), None)

    def signature(self, nonce: bytes) -> tuple[str | None, bytes | None]:
        """Return algorithm and signature that show that our certificate is our own."""
        if self._suite is None:
            return None, None
        return self._suite.signature, self.security.lock.sign(self._shown + nonce)

    def _user(self, name: str, policy: str, suite: Suite, nonce: bytes) -> bytes:
        """Return a user with a password that is encrypted together with `nonce` (OPC 10000-4 clause 7.40.2.2)."""
        secret = _password(self._device) + nonce
        sealed = suite.encrypt(_public(self._certificate, "server_certificate_file"), _prefixed(secret))
        return encoding.user(policy, name, sealed, suite.encryption)

    def _secured(self, suite: Suite) -> Security:
        device, mode = self._device, MODES[self._device.security_mode]
        ours, key = _certificate(device, "certificate_file"), _key(device)
        public = _public(self._certificate, "server_certificate_file")
        if _public(ours, "certificate_file").public_numbers() != key.public_key().public_numbers():
            raise LinkLost("key_file is not the key of certificate_file")
        return Security(
            uri=suite.uri, mode=mode, certificate=ours.public_bytes(Encoding.DER),
            thumbprint=hashlib.sha1(self._shown, usedforsecurity=False).digest(), server_certificate=self._shown,
            lock=RsaLock(suite, key, public), key=RsaKey(suite, key, public),
            agree=lambda nonce, theirs: agree(suite, mode, nonce, theirs), nonce_bytes=NONCE_BYTES,
        )  # fmt: skip


def application_uri(certificate: bytes) -> str:
    """Return the URI that our certificate gives this application: servers compare it (OPC 10000-4 clause 6.1.3)."""
    try:
        found = x509.load_der_x509_certificate(certificate).extensions
        names = found.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        raise LinkLost("certificate_file has no alternative name with the URI of this application") from None
    uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    if not uris:
        raise LinkLost("certificate_file has no URI of this application among its alternative names")
    return str(uris[0])


def fingerprint(certificate: bytes) -> str:
    """Return the first half of what `openssl x509 -fingerprint -sha256` shows of `certificate` (DER)."""
    return hashlib.sha256(certificate).digest()[:16].hex(":").upper()


def _prefixed(secret: bytes) -> bytes:
    return struct.pack("<I", len(secret)) + secret


def _password(device: OpcuaDevice) -> bytes:
    assert device.password_file is not None
    return _read(device.password_file, "password_file").rstrip(b"\r\n")


def _certificate(device: OpcuaDevice, key: str) -> x509.Certificate:
    path = getattr(device, key)
    data = _read(path, key)
    try:
        return x509.load_pem_x509_certificate(data) if PEM in data else x509.load_der_x509_certificate(data)
    except ValueError:
        raise LinkLost(f"{key} {path} is no certificate in PEM or DER") from None


def _public(certificate: x509.Certificate, key: str) -> RSAPublicKey:
    public = certificate.public_key()
    if not isinstance(public, RSAPublicKey):
        raise LinkLost(f"{key} has no RSA key; the security policies of OPC UA need one")
    return public


def _key(device: OpcuaDevice) -> RSAPrivateKey:
    assert device.key_file is not None
    data = _read(device.key_file, "key_file")
    try:
        key = load_pem_private_key(data, None) if PEM in data else load_der_private_key(data, None)
    except (ValueError, TypeError):
        raise LinkLost(f"key_file {device.key_file} is no key without a passphrase in PEM or DER") from None
    if not isinstance(key, RSAPrivateKey):
        raise LinkLost(f"key_file {device.key_file} is no RSA key; the security policies of OPC UA need one")
    return key


def _read(path: Path, key: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise LinkLost(f"{key} {path}: {error.strerror}") from None
