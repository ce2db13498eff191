"""How many octets a session takes, from the configuration: what is read, and what subscriptions bring.

Values are counted as doubles with their time, which is the longest usual answer: 18 octets, a float has 14.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from math import ceil
from typing import Final

from protocols.demand import MOVES_S, Demand
from protocols.opcua import encoding
from protocols.opcua.chunks import CHUNK_BYTES, SHORTEST_CHUNK
from protocols.opcua.config import OpcuaDevice, OpcuaPoint
from protocols.opcua.session import MOST_NODES, read_requests
from protocols.opcua.subscriptions import MOST_NOTIFICATIONS

VALUE, STATE, HANDLE = 18, 11, 4
"""A reading of a number and of a status: mask, type, value, source time; what goes before it in a notification."""
TOKEN: Final = 19
"""How a server names a session: by a GUID, most do."""
REQUEST: Final = 4 + TOKEN + 8 + 4 + 4 + 4 + 4 + 3
"""Type and header of a request (OPC 10000-4 clause 7.33)."""
RESPONSE: Final = 4 + 8 + 4 + 4 + 1 + 4 + 3
"""The same of a response (clause 7.34)."""
COUNT: Final = 4
"""Of an array, of which every answer ends with one of diagnostics."""
NOTHING: Final = 4 + COUNT + 1 + 4 + 8 + COUNT + 2 * COUNT
"""A publish response without changes: subscription, what is available, more, number, time, and empty arrays."""
CHANGES: Final = 4 + 4 + 1 + 4 + 2 * COUNT
"""A notification with changes, beside them: available, and the object with its arrays."""
SIGNATURE, BLOCK = 32, 16
"""HMAC-SHA256, and the blocks of AES: the same in every policy there is (OPC 10000-7)."""


def demands(devices: Sequence[OpcuaDevice]) -> Iterator[Demand]:
    """Yield the reads of each device, its keep-alives, and what it tells while every value moves."""
    for device in devices:
        classes: dict[float, list[OpcuaPoint]] = defaultdict(list)
        for point in device.points:
            classes[point.every_s or device.every_s].append(point)
        yield from (_read(device, every_s, points) for every_s, points in classes.items())
        interval_s = device.publishing_ms / 1000
        silence_s = interval_s * max(1, ceil(device.keepalive_s / interval_s))
        yield _published(device, silence_s, NOTHING, 0)
        parts = range(0, len(device.points), MOST_NOTIFICATIONS)
        told = [sum(HANDLE + _value(each) for each in device.points[at : at + MOST_NOTIFICATIONS]) for at in parts]
        for size in told:
            yield _published(device, max(MOVES_S, interval_s), NOTHING + CHANGES + size, 1)


def sealed(device: OpcuaDevice, octets: int) -> int:
    """Return what a message of `octets` takes on the wire: its chunks, signed and encrypted as the device has it."""
    count = max(1, ceil(octets / (CHUNK_BYTES - SHORTEST_CHUNK - SIGNATURE - BLOCK)))
    if device.security_policy == "none":
        return octets + count * SHORTEST_CHUNK
    if device.security_mode == "sign":
        return octets + count * (SHORTEST_CHUNK + SIGNATURE)
    clear, hidden = 16, octets // count + 8 + 1 + SIGNATURE
    return count * (clear + -(-hidden // BLOCK) * BLOCK)


def _read(device: OpcuaDevice, every_s: float, points: Sequence[OpcuaPoint]) -> Demand:
    nodes = [encoding.node(point.place, point.place.namespace or 1) for point in points]
    asked = read_requests(nodes, MOST_NODES)
    answers = [points[at : at + MOST_NODES] for at in range(0, len(points), MOST_NODES)]
    return Demand(
        device=device.name,
        every_s=every_s,
        requests=len(asked),
        sent_bytes=sum(sealed(device, REQUEST + len(each)) for each in asked),
        received_bytes=sum(sealed(device, RESPONSE + 2 * COUNT + sum(map(_value, each))) for each in answers),
    )


def _published(device: OpcuaDevice, every_s: float, octets: int, acknowledged: int) -> Demand:
    """Return a publish request with its answer, for which nobody waits."""
    return Demand(
        device=device.name,
        every_s=every_s,
        requests=0,
        sent_bytes=sealed(device, REQUEST + COUNT + 8 * acknowledged),
        received_bytes=sealed(device, RESPONSE + octets + COUNT * acknowledged),
        moving=acknowledged > 0,
    )


def _value(point: OpcuaPoint) -> int:
    return STATE if point.status else VALUE
