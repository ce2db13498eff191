"""The security policies of OPC UA (OPC 10000-7): RSA while a channel opens, HMAC-SHA256 and AES-CBC afterwards.

What is left out is what the OPC Foundation has withdrawn: SHA-1 signatures, PKCS #1 v1.5 encryption, 1024 bit keys.
"""

import hashlib
import hmac
from dataclasses import dataclass
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from protocols.opcua.binary import Violation
from protocols.opcua.chunks import Key, Lock

POLICY: Final = "http://opcfoundation.org/UA/SecurityPolicy#"
SHA256_BYTES: Final = 32
AES_BLOCK: Final = 16
EXTRA_PADDING_FROM: Final = 256
"""A key of more bytes than this needs a second byte for the length of the padding (OPC 10000-6 clause 6.7.2.5)."""
FORGED: Final = "a signature does not match: the message is not the server's, or was changed"


@dataclass(frozen=True, slots=True)
class Suite:
    """A security policy: the algorithms of OPC 10000-7 by their URIs."""

    name: str
    signature: str
    encryption: str
    oaep: type[hashes.HashAlgorithm]
    pss: bool
    aes_bytes: int

    @property
    def uri(self) -> str:
        """The name by which servers know it."""
        return POLICY + self.name

    @property
    def oaep_bytes(self) -> int:
        """Bytes of each block that OAEP takes for itself (RFC 8017 clause 7.1.1)."""
        return 2 * self.oaep().digest_size + 2

    def seal(self) -> padding.AsymmetricPadding:
        """Return the padding of an encryption."""
        return padding.OAEP(padding.MGF1(self.oaep()), self.oaep(), None)

    def stamp(self) -> padding.AsymmetricPadding:
        """Return the padding of a signature."""
        return padding.PSS(padding.MGF1(hashes.SHA256()), SHA256_BYTES) if self.pss else padding.PKCS1v15()

    def encrypt(self, public: RSAPublicKey, data: bytes) -> bytes:
        """Return `data` in blocks that only the owner of `public` can read."""
        most = public.key_size // 8 - self.oaep_bytes
        return b"".join(public.encrypt(data[at : at + most], self.seal()) for at in range(0, len(data), most))


_RSA_SHA256: Final = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
_OAEP: Final = "http://www.w3.org/2001/04/xmlenc#rsa-oaep"
_PSS_SHA256: Final = "http://opcfoundation.org/UA/security/rsa-pss-sha2-256"
_OAEP_SHA256: Final = "http://opcfoundation.org/UA/security/rsa-oaep-sha2-256"

SUITES: Final = {
    suite.name: suite
    for suite in (
        Suite("Basic256Sha256", _RSA_SHA256, _OAEP, hashes.SHA1, pss=False, aes_bytes=32),
        Suite("Aes128_Sha256_RsaOaep", _RSA_SHA256, _OAEP, hashes.SHA1, pss=False, aes_bytes=16),
        Suite("Aes256_Sha256_RsaPss", _PSS_SHA256, _OAEP_SHA256, hashes.SHA256, pss=True, aes_bytes=32),
    )
}


class RsaLock:
    """Signs by our key and encrypts for the server's."""

    def __init__(self, suite: Suite, ours: RSAPrivateKey, server: RSAPublicKey) -> None:
        self.signature_bytes = ours.key_size // 8
        self.block_out = server.key_size // 8
        self.block_in = self.block_out - suite.oaep_bytes
        self.padding_bytes = 2 if self.block_out > EXTRA_PADDING_FROM else 1
        self._suite, self._ours, self._server = suite, ours, server

    def sign(self, data: bytes) -> bytes:
        """Return the signature of `data`."""
        return self._ours.sign(data, self._suite.stamp(), hashes.SHA256())

    def encrypt(self, data: bytes) -> bytes:
        """Return `data` for the server only."""
        return self._suite.encrypt(self._server, data)


class RsaKey:
    """Decrypts by our key and verifies by the server's."""

    def __init__(self, suite: Suite, ours: RSAPrivateKey, server: RSAPublicKey) -> None:
        self.signature_bytes = server.key_size // 8
        self._block = ours.key_size // 8
        self.padding_bytes = 2 if self._block > EXTRA_PADDING_FROM else 1
        self._suite, self._ours, self._server = suite, ours, server

    def decrypt(self, data: bytes) -> bytes:
        """Return what was encrypted for us.

        Raises:
            Violation: it was not.
        """
        blocks = (data[at : at + self._block] for at in range(0, len(data), self._block))
        try:
            return b"".join(self._ours.decrypt(block, self._suite.seal()) for block in blocks)
        except ValueError:
            raise Violation("a message is not encrypted for our certificate") from None

    def verify(self, data: bytes, signature: bytes) -> None:
        """Do nothing if the server has signed `data`.

        Raises:
            Violation: it has not.
        """
        try:
            self._server.verify(signature, data, self._suite.stamp(), hashes.SHA256())
        except InvalidSignature:
            raise Violation(FORGED) from None


class _Secrets(NamedTuple):
    signing: bytes
    encrypting: bytes
    vector: bytes


class SharedLock:
    """Signs, and encrypts where the mode says so, by the secrets of a channel; lock and key of one direction."""

    signature_bytes = SHA256_BYTES

    def __init__(self, secrets: _Secrets, *, encrypted: bool) -> None:
        self.padding_bytes = 1 if encrypted else 0
        self.block_in = self.block_out = AES_BLOCK if encrypted else 1
        self._signing = secrets.signing
        self._cipher = Cipher(algorithms.AES(secrets.encrypting), modes.CBC(secrets.vector)) if encrypted else None

    def sign(self, data: bytes) -> bytes:
        """Return the signature of `data`."""
        return hmac.digest(self._signing, data, "sha256")

    def encrypt(self, data: bytes) -> bytes:
        """Return `data` for the server only."""
        if self._cipher is None:
            return data
        encryptor = self._cipher.encryptor()
        return encryptor.update(data) + encryptor.finalize()

    def decrypt(self, data: bytes) -> bytes:
        """Return what the server encrypted.

        Raises:
            Violation: it is no whole number of blocks.
        """
        if self._cipher is None:
            return data
        if len(data) % AES_BLOCK:
            raise Violation(f"{len(data)} encrypted bytes are no whole number of {AES_BLOCK}")
        decryptor = self._cipher.decryptor()
        return decryptor.update(data) + decryptor.finalize()

    def verify(self, data: bytes, signature: bytes) -> None:
        """Do nothing if the server has signed `data`.

        Raises:
            Violation: it has not.
        """
        if not hmac.compare_digest(self.sign(data), signature):
            raise Violation(FORGED)


def agree(suite: Suite, mode: int, ours: bytes, theirs: bytes) -> tuple[Lock, Key]:
    """Return lock and key of a channel from both nonces (OPC 10000-6 clause 6.7.5)."""
    encrypted = mode > 2
    if len(theirs) != SHA256_BYTES:
        raise Violation(f"the server's nonce has {len(theirs)} bytes, not {SHA256_BYTES}")
    lock, key = (
        SharedLock(_derive(secret, seed, suite.aes_bytes), encrypted=encrypted)
        for secret, seed in ((theirs, ours), (ours, theirs))
    )
    return lock, key


def _derive(secret: bytes, seed: bytes, aes_bytes: int) -> _Secrets:
    """Return the secrets of one direction: P_SHA256 of TLS (RFC 5246 clause 5)."""
    wanted, found, link = SHA256_BYTES + aes_bytes + AES_BLOCK, b"", seed
    while len(found) < wanted:
        link = hmac.digest(secret, link, hashlib.sha256)
        found += hmac.digest(secret, link + seed, hashlib.sha256)
    signing, rest = found[:SHA256_BYTES], found[SHA256_BYTES:wanted]
    return _Secrets(signing, rest[:aes_bytes], rest[aes_bytes:])
