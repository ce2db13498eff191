"""What a server answers while a session begins: keys, endpoints, the session (OPC 10000-4 clauses 5.5 and 5.6)."""

from typing import Final, NamedTuple

from protocols.opcua.binary import DOUBLE, Reader, Violation

LONGEST_INTERVAL_S: Final = 86_400.0
"""Between two messages of a subscription; a minute is the longest that is asked for."""


class Keys(NamedTuple):
    """The security token of a channel, and the server's part of its keys."""

    channel: int
    token: int
    lifetime_ms: int
    nonce: bytes


class UserPolicy(NamedTuple):
    """A kind of identity that an endpoint takes: `kind` 0 is nobody, 1 a user with a password."""

    id: str
    kind: int
    uri: str


class Endpoint(NamedTuple):
    """A way to speak with a server: `mode` 1 is plain, 2 signed, 3 signed and encrypted."""

    certificate: bytes
    mode: int
    policy_uri: str
    users: tuple[UserPolicy, ...]


class Created(NamedTuple):
    """A session that was created; `token` is the encoded node id by which it is known.

    `timeout_s` is how long the server remembers it without a word.
    """

    token: bytes
    timeout_s: float
    nonce: bytes
    certificate: bytes
    endpoints: tuple[Endpoint, ...]
    signature: bytes


class Subscribed(NamedTuple):
    """A subscription that was created: how often it sends, may say nothing for how long, and lives unasked."""

    id: int
    interval_s: float
    keepalive_s: float
    lifetime_s: float


def keys(reader: Reader) -> Keys:
    """Return what answers open secure channel."""
    reader.skip(4)
    channel, token = reader.u32(), reader.u32()
    reader.skip(8)
    lifetime_ms = reader.u32()
    return Keys(channel, token, lifetime_ms, reader.octets())


def created(reader: Reader) -> Created:
    """Return what answers create session."""
    reader.node()
    start = reader.at
    reader.node()
    token = reader.data[start : reader.at]
    timeout_s = float(reader.take(DOUBLE)) / 1000
    nonce, certificate = reader.octets(), reader.octets()
    found = endpoints(reader)
    for _ in range(2 * reader.count()):
        reader.octets()
    reader.octets()
    return Created(token, timeout_s, nonce, certificate, found, reader.octets())


def activated(reader: Reader) -> bytes:
    """Return the nonce that answers activate session; the next signature is over it."""
    return reader.octets()


def endpoints(reader: Reader) -> tuple[Endpoint, ...]:
    """Return an array of endpoints, which is also what answers get endpoints."""
    return tuple(_endpoint(reader) for _ in range(reader.count()))


def subscribed(reader: Reader) -> Subscribed:
    """Return what answers create subscription."""
    id_, interval_s = reader.u32(), float(reader.take(DOUBLE)) / 1000
    if not 0 <= interval_s <= LONGEST_INTERVAL_S:
        raise Violation(f"publishing interval of {interval_s:g} s; 0 to {LONGEST_INTERVAL_S:g} s are allowed")
    lifetime, keepalive = reader.u32(), reader.u32()
    return Subscribed(id_, interval_s, interval_s * keepalive, interval_s * lifetime)


def _endpoint(reader: Reader) -> Endpoint:
    reader.octets()
    _skip_application(reader)
    certificate, mode, uri = reader.octets(), reader.u32(), reader.text()
    users = tuple(_user_policy(reader) for _ in range(reader.count()))
    reader.octets()
    reader.skip(1)
    return Endpoint(certificate, mode, uri, users)


def _skip_application(reader: Reader) -> None:
    reader.octets()
    reader.octets()
    reader.localized()
    reader.skip(4)
    reader.octets()
    reader.octets()
    for _ in range(reader.count()):
        reader.octets()


def _user_policy(reader: Reader) -> UserPolicy:
    id_, kind = reader.text(), reader.u32()
    reader.octets()
    reader.octets()
    return UserPolicy(id_, kind, reader.text())
