"""What an OPC UA server shows of its address space: for commissioning, never at work (OPC 10000-4 clause 5.8)."""

import base64
import struct
import uuid
from collections.abc import Sequence
from typing import Final, NamedTuple

from protocols.opcua import encoding
from protocols.opcua.binary import Reader, Violation
from protocols.opcua.config import Address

HIERARCHICAL: Final = 33
FORWARD: Final = 0
OBJECTS_AND_VARIABLES: Final = 3
EVERYTHING: Final = 0x3F
VARIABLE: Final = 2
"""Numbers of OPC 10000-3 and 10000-4: a reference type, a direction, classes of nodes, what to tell of each."""


class Reference(NamedTuple):
    """A node that another one leads to."""

    node: Address
    name: str
    variable: bool


class Browsed(NamedTuple):
    """Where a node leads to; with `more` the server is asked for the rest."""

    more: bytes
    references: tuple[Reference, ...]


def browse(nodes: Sequence[Address]) -> bytes:
    """Ask where `nodes` lead to, down the hierarchy."""
    view = encoding.number_node(0) + bytes(12)
    wanted = struct.pack("<?II", True, OBJECTS_AND_VARIABLES, EVERYTHING)
    direction, kind = struct.pack("<i", FORWARD), encoding.number_node(HIERARCHICAL)
    items = [encoding.node(node, node.namespace) + direction + kind + wanted for node in nodes]
    return view + bytes(4) + encoding.array(items)


def browse_next(points: Sequence[bytes]) -> bytes:
    """Ask for the rest of what `points` have begun."""
    return b"\x00" + encoding.array([encoding.octets(point) for point in points])


def browsed(reader: Reader) -> list[Browsed]:
    """Return what answers both: nothing for a node that the server refuses."""
    return [_browsed(reader) for _ in range(reader.count())]


def node_id(reader: Reader) -> Address:
    """Return a node id, also an expanded one."""
    start = reader.at
    encoded = reader.data[start : start + 1]
    reader.node()
    inner = Reader(reader.data[start + 1 : reader.at])
    match (encoded or b"\xff")[0] & 0x3F:
        case 0:
            return Address(0, None, "i", str(inner.u8()))
        case 1:
            return Address(inner.u8(), None, "i", str(inner.u16()))
        case 2:
            return Address(inner.u16(), None, "i", str(inner.u32()))
        case 3:
            return Address(inner.u16(), None, "s", inner.text())
        case 4:
            namespace = inner.u16()
            return Address(namespace, None, "g", str(uuid.UUID(bytes_le=inner.data[2:18])))
        case 5:
            return Address(inner.u16(), None, "b", base64.b64encode(inner.octets()).decode())
    raise Violation("a node id of no kind")


def _browsed(reader: Reader) -> Browsed:
    reader.skip(4)
    return Browsed(reader.octets(), tuple(_reference(reader) for _ in range(reader.count())))


def _reference(reader: Reader) -> Reference:
    reader.node()
    reader.skip(1)
    node = node_id(reader)
    reader.skip(2)
    name = reader.text()
    reader.localized()
    variable = reader.u32() == VARIABLE
    reader.node()
    return Reference(node, name, variable)
