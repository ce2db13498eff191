"""OPC UA requests as bytes: every parameter that the gateway ever sends (OPC 10000-4 clause 5, OPC 10000-6 clause 5.2).

Times to return are always the source's: the server's own is no time of a value. Attributes are always values.
"""

import base64
import struct
import uuid
from collections.abc import Sequence
from typing import Final, NamedTuple

from protocols.opcua.config import Address

NONE: Final = b"\xff\xff\xff\xff"
"""A string, byte string or array that is not there."""
NO_OBJECT: Final = b"\x00\x00\x00"
CLIENT: Final = 1
SOURCE: Final = 0
REPORTING: Final = 2
STATUS_OR_VALUE: Final = 1
ABSOLUTE: Final = 1
_READ_VALUE: Final = struct.pack("<I", 13) + NONE + b"\x00\x00" + NONE
"""The attribute Value, whole, in the default encoding."""
ANONYMOUS_TOKEN: Final = 321
USER_TOKEN: Final = 324
DATA_CHANGE_FILTER: Final = 724


class Watching(NamedTuple):
    """An item to monitor: `deadband` 0 for every change."""

    node: bytes
    handle: int
    sampling_ms: float
    deadband: float
    queue: int


def octets(value: bytes | None) -> bytes:
    """Return a byte string."""
    return NONE if value is None else struct.pack("<i", len(value)) + value


def text(value: str | None) -> bytes:
    """Return a string."""
    return octets(None if value is None else value.encode())


def array(items: Sequence[bytes]) -> bytes:
    """Return an array of encoded items."""
    return struct.pack("<i", len(items)) + b"".join(items)


def number_node(number: int, namespace: int = 0) -> bytes:
    """Return a numeric node id, in its shortest form."""
    if namespace == 0 and number <= 0xFF:
        return struct.pack("<BB", 0, number)
    if namespace <= 0xFF and number <= 0xFFFF:
        return struct.pack("<BBH", 1, namespace, number)
    return struct.pack("<BHI", 2, namespace, number)


def node(address: Address, namespace: int) -> bytes:
    """Return the node id of `address` in `namespace`."""
    match address.kind:
        case "i":
            return number_node(int(address.identifier), namespace)
        case "s":
            return struct.pack("<BH", 3, namespace) + text(address.identifier)
        case "g":
            return struct.pack("<BH", 4, namespace) + uuid.UUID(address.identifier).bytes_le
    return struct.pack("<BH", 5, namespace) + octets(base64.b64decode(address.identifier))


def structure(number: int, body: bytes) -> bytes:
    """Return an extension object."""
    return number_node(number) + b"\x01" + octets(body)


def open_secure_channel(*, renew: bool, mode: int, nonce: bytes, lifetime_ms: int) -> bytes:
    """Ask for new keys."""
    return struct.pack("<III", 0, renew, mode) + octets(nonce or None) + struct.pack("<I", lifetime_ms)


def get_endpoints(url: str) -> bytes:
    """Ask how the server may be spoken with."""
    return text(url) + NONE + NONE


def create_session(
    *, uri: str, url: str, name: str, nonce: bytes, certificate: bytes | None, timeout_ms: float, max_bytes: int
) -> bytes:
    """Ask for a session of the application `uri`."""
    application = text(uri) + text("urn:gridsentinel") + b"\x02" + text("GridSentinel")
    application += struct.pack("<i", CLIENT) + NONE * 3
    session = NONE + text(url) + text(name) + octets(nonce) + octets(certificate)
    return application + session + struct.pack("<dI", timeout_ms, max_bytes)


def activate_session(*, algorithm: str | None, signature: bytes | None, identity: bytes) -> bytes:
    """Show who we are: by `signature` as an application, by `identity` as a user."""
    return text(algorithm) + octets(signature) + NONE + array([text("en")]) + identity + NONE + NONE


def anonymous(policy_id: str | None) -> bytes:
    """Return the identity of nobody."""
    return structure(ANONYMOUS_TOKEN, text(policy_id))


def user(policy_id: str | None, name: str, password: bytes, algorithm: str | None) -> bytes:
    """Return the identity of a user; `password` is encrypted by `algorithm`, if that is one."""
    return structure(USER_TOKEN, text(policy_id) + text(name) + octets(password) + text(algorithm))


def create_subscription(*, publishing_ms: float, lifetime: int, keepalive: int, most: int) -> bytes:
    """Ask for a subscription that publishes."""
    return struct.pack("<dIII?B", publishing_ms, lifetime, keepalive, most, True, 0)


def create_monitored_items(subscription: int, items: Sequence[Watching]) -> bytes:
    """Ask to be told of changes."""
    return struct.pack("<Ii", subscription, SOURCE) + array([_monitored(item) for item in items])


def read(nodes: Sequence[bytes]) -> bytes:
    """Ask for the values of `nodes` as they are now."""
    return struct.pack("<di", 0.0, SOURCE) + array([node + _READ_VALUE for node in nodes])


def publish(acknowledged: Sequence[tuple[int, int]]) -> bytes:
    """Let the server answer when it has something; `acknowledged` are subscriptions and sequence numbers."""
    return array([struct.pack("<II", *each) for each in acknowledged])


def republish(subscription: int, sequence: int) -> bytes:
    """Ask for a notification that did not arrive."""
    return struct.pack("<II", subscription, sequence)


def _monitored(item: Watching) -> bytes:
    wanted = NO_OBJECT
    if item.deadband:
        wanted = structure(DATA_CHANGE_FILTER, struct.pack("<iId", STATUS_OR_VALUE, ABSOLUTE, item.deadband))
    head = item.node + _READ_VALUE + struct.pack("<iId", REPORTING, item.handle, item.sampling_ms)
    return head + wanted + struct.pack("<I?", item.queue, True)
