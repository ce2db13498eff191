"""What a server answers while a session begins: keys, endpoints, the session (OPC 10000-4 clauses 5.5 and 5.6)."""

from typing import NamedTuple

from protocols.opcua.binary import DOUBLE, Reader


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
    """A session that was created; `token` is the encoded node id by which it is known."""

    token: bytes
    nonce: bytes
    certificate: bytes
    endpoints: tuple[Endpoint, ...]
    signature: bytes


class Subscribed(NamedTuple):
    """A subscription that was created, and how long it may say nothing."""

    id: int
    keepalive_s: float


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
    reader.skip(8)
    nonce, certificate = reader.octets(), reader.octets()
    found = endpoints(reader)
    for _ in range(2 * reader.count()):
        reader.octets()
    reader.octets()
    return Created(token, nonce, certificate, found, reader.octets())


def endpoints(reader: Reader) -> tuple[Endpoint, ...]:
    """Return an array of endpoints, which is also what answers get endpoints."""
    return tuple(_endpoint(reader) for _ in range(reader.count()))


def subscribed(reader: Reader) -> Subscribed:
    """Return what answers create subscription."""
    id_, interval_ms = reader.u32(), float(reader.take(DOUBLE))
    reader.skip(4)
    return Subscribed(id_, interval_ms * reader.u32() / 1000)


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
