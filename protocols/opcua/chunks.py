"""OPC UA chunks: messages cut, numbered, signed and encrypted, and the other way round (OPC 10000-6 clause 6.7).

    | type 3 | F C or A | size 4 | channel 4 | token 4 | sequence 4 | request 4 | body | padding | signature |
                                                        encrypted from here to the end

A chunk that asks for keys, or answers that, has the security policy and certificates instead of the token.
How bytes are signed and encrypted is a lock, how that is undone a key; what is received is never trusted before.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from protocols.opcua.binary import Reader, Violation

CHUNK_BYTES: Final = 65_535
"""Longest chunk, sent and received; the usual receive buffer."""
SHORTEST_CHUNK: Final = 24
"""Header, channel, token and sequence of a message without a body."""
LAST_SEQUENCE: Final = 2**32 - 1025
"""After it a sequence begins anew, below FIRST_SEQUENCES (OPC 10000-6 clause 6.7.2.4)."""
FIRST_SEQUENCES: Final = 1024


class Lock(Protocol):
    """Signs and encrypts: blocks of `block_in` bytes become blocks of `block_out`.

    `padding_bytes` tell the length of what fills the last block; 0 where nothing is encrypted.
    """

    signature_bytes: int
    block_in: int
    block_out: int
    padding_bytes: int

    def sign(self, data: bytes) -> bytes:
        """Return the signature of `data`."""

    def encrypt(self, data: bytes) -> bytes:
        """Return `data`, which is whole blocks, for the other side only."""


class Key(Protocol):
    """Decrypts and verifies what a lock of the other side has closed."""

    signature_bytes: int
    padding_bytes: int

    def decrypt(self, data: bytes) -> bytes:
        """Return what was encrypted.

        Raises:
            Violation: it was not, or not for us.
        """

    def verify(self, data: bytes, signature: bytes) -> None:
        """Do nothing if the other side has signed `data`.

        Raises:
            Violation: it has not.
        """


class Open:
    """Neither signs nor encrypts: the lock and key of security policy none."""

    signature_bytes = padding_bytes = 0
    block_in = block_out = 1

    def sign(self, data: bytes) -> bytes:  # noqa: ARG002  the signature of Lock
        """Return nothing."""
        return b""

    def encrypt(self, data: bytes) -> bytes:
        """Return `data`."""
        return data

    def decrypt(self, data: bytes) -> bytes:
        """Return `data`."""
        return data

    def verify(self, data: bytes, signature: bytes) -> None:
        """Accept everything."""


def seal(lock: Lock, head: Callable[[int], bytes], plain: bytes) -> bytes:
    """Return a chunk: `head` makes its header for a number of bytes that follow."""
    if lock.padding_bytes:
        fill = -(len(plain) + lock.padding_bytes + lock.signature_bytes) % lock.block_in
        plain += bytes([fill & 0xFF]) * (1 + fill) + (bytes([fill >> 8]) if lock.padding_bytes > 1 else b"")
    header = head((len(plain) + lock.signature_bytes) // lock.block_in * lock.block_out)
    return header + lock.encrypt(plain + lock.sign(header + plain))


def unseal(key: Key, header: bytes, sealed: bytes) -> bytes:
    """Return what stands in a chunk after its `header`, without padding and signature.

    Raises:
        Violation: it is not from whom we speak with, or it has been changed.
    """
    plain = key.decrypt(sealed)
    if key.signature_bytes:
        plain, signature = plain[: -key.signature_bytes], plain[-key.signature_bytes :]
        key.verify(header + plain, signature)
    if key.padding_bytes and len(plain) > key.padding_bytes:
        extra = plain[-1] << 8 | plain[-2] if key.padding_bytes > 1 else plain[-1]
        plain = plain[: max(len(plain) - extra - key.padding_bytes, 0)]
    return plain


@dataclass(frozen=True, slots=True)
class Security:
    """How a channel begins: `mode` 1 is plain, 2 signed, 3 signed and encrypted; the certificates are DER.

    `agree` makes lock and key of messages from our nonce and the server's.
    """

    uri: str
    mode: int
    certificate: bytes | None
    thumbprint: bytes | None
    server_certificate: bytes | None
    lock: Lock
    key: Key
    agree: Callable[[bytes, bytes], tuple[Lock, Key]]
    nonce_bytes: int

    def opening(self) -> bytes:
        """Return the security header of a request for keys."""
        parts = (self.uri.encode(), self.certificate, self.thumbprint)
        return b"".join(struct.pack("<i", -1 if part is None else len(part)) + (part or b"") for part in parts)


PLAIN_URI: Final = "http://opcfoundation.org/UA/SecurityPolicy#None"


def plain() -> Security:
    """Return the security that is none."""
    return Security(PLAIN_URI, 1, None, None, None, Open(), Open(), lambda _ours, _theirs: (Open(), Open()), 0)


class Chunks:
    """Both directions of one channel. `most_sent` is the longest chunk that the server takes."""

    def __init__(self, security: Security, *, max_message_bytes: int, max_chunks: int) -> None:
        self.most_sent = CHUNK_BYTES
        self._security = security
        self._max_bytes, self._max_chunks = max_message_bytes, max_chunks
        self._channel = self._token = 0
        self._lock: Lock = Open()
        self._keys: dict[int, Key] = {}
        self._sequence = 0
        self._heard: int | None = None
        self._parts: list[bytes] = []
        self._request = 0
        self._bytes = 0

    def agreed(self, *, channel: int, token: int, lock: Lock, key: Key) -> None:
        """Speak with new keys from now on; what is under way with the last ones is still understood."""
        self._channel, self._token, self._lock = channel, token, lock
        last = dict(list(self._keys.items())[-1:])
        self._keys = {**last, token: key}

    def opening(self, request: int, body: bytes) -> bytes:
        """Return the chunk that asks for keys."""
        security = self._security
        return self._sealed(b"OPNF", security.opening(), security.lock, request, body)

    def message(self, request: int, body: bytes, kind: bytes = b"MSG") -> bytes:
        """Return the chunks of a message."""
        lock, token = self._lock, struct.pack("<I", self._token)
        blocks = (self.most_sent - 16) // lock.block_out
        most = blocks * lock.block_in - 8 - lock.signature_bytes - lock.padding_bytes
        parts = [body[start : start + most] for start in range(0, len(body), most)]
        return b"".join(
            self._sealed(kind + (b"C" if number < len(parts) else b"F"), token, lock, request, part)
            for number, part in enumerate(parts, start=1)
        )

    def take(self, chunk: bytes) -> tuple[int, bytes] | None:
        """Return request and body of the message that `chunk` completes, if it does.

        Raises:
            Violation: it is not from whom we speak with, out of turn, or too much.
        """
        reader = Reader(chunk)
        reader.skip(8)
        channel = reader.u32()
        plain = self._opened(chunk, reader) if chunk[:3] == b"OPN" else self._unlocked(chunk, reader, channel)
        inner = Reader(plain)
        self._follow(inner.u32())
        request = inner.u32()
        if self._parts and request != self._request:
            raise Violation(f"request {request} amid the chunks of request {self._request}")
        return self._join(chunk[3:4], request, plain[inner.at :])

    def _sealed(self, kind: bytes, header: bytes, lock: Lock, request: int, body: bytes) -> bytes:
        self._sequence = self._sequence + 1 if self._sequence < LAST_SEQUENCE else 1
        size, channel = 12 + len(header), self._channel
        plain = struct.pack("<II", self._sequence, request) + body
        return seal(lock, lambda count: kind + struct.pack("<II", size + count, channel) + header, plain)

    def _opened(self, chunk: bytes, reader: Reader) -> bytes:
        uri, certificate, _ = reader.text(), reader.octets(), reader.octets()
        if uri != self._security.uri:
            raise Violation(f"security policy {uri[:80]}, where {self._security.uri} was asked")
        known = self._security.server_certificate
        if known is not None and not certificate.startswith(known):
            raise Violation("keys signed by another certificate than server_certificate_file")
        return unseal(self._security.key, chunk[: reader.at], chunk[reader.at :])

    def _unlocked(self, chunk: bytes, reader: Reader, channel: int) -> bytes:
        token = reader.u32()
        if channel != self._channel:
            raise Violation(f"a message of channel {channel}, ours is {self._channel}")
        if token not in self._keys:
            raise Violation(f"a message by security token {token}, which nobody agreed on")
        return unseal(self._keys[token], chunk[: reader.at], chunk[reader.at :])

    def _follow(self, sequence: int) -> None:
        """Each number follows the one before: nothing is repeated, left out or put in between."""
        heard, self._heard = self._heard, sequence
        begins_anew = heard is not None and heard >= LAST_SEQUENCE and sequence < FIRST_SEQUENCES
        if heard is not None and sequence != heard + 1 and not begins_anew:
            raise Violation(f"sequence number {sequence} follows {heard}")

    def _join(self, kind: bytes, request: int, body: bytes) -> tuple[int, bytes] | None:
        if kind == b"A":  # the server gives up this message: its caller hears nothing (clause 6.7.3)
            self._forget()
            return None
        if kind not in (b"C", b"F"):
            raise Violation(f"chunk type {kind!r}; F, C and A are allowed")
        self._request = request
        self._parts.append(body)
        self._bytes += len(body)
        if self._bytes > self._max_bytes or len(self._parts) > self._max_chunks:
            limits = f"{self._max_bytes} bytes (max_message_bytes), or in too many chunks"
            raise Violation(f"a message is over {limits}")
        if kind == b"C":
            return None
        whole = b"".join(self._parts)
        self._forget()
        return request, whole

    def _forget(self) -> None:
        self._parts, self._bytes = [], 0
