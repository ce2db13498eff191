"""Which dissector reads what: by the server's port, and right above Ethernet by the EtherType.

A dissector is loaded with the first connection that needs it, so a plant pays for the protocols that it has.
"""

from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Final, cast

from protocols.tap.dissector import Dissector, Layer2, Trace
from protocols.tap.sightings import Sightings

SECURE: Final = (802, 3782, 4843, 8883, 19_998, 19_999)
"""Server ports of the same, and of MQTT, within TLS."""
PORTS: Final = {
    102: "mms",
    502: "modbus",
    2404: "iec104",
    4840: "opcua",
    20_000: "dnp3",
    **dict.fromkeys(SECURE, "tls"),
}
"""Server ports as IANA gives them, of TCP."""
DATAGRAMS: Final = frozenset({"dnp3", "modbus"})
"""What is spoken over UDP too; Modbus by no standard, but by devices."""

_CONVERSATIONS: Final = {
    "dnp3": ("dnp3.conversation", "Dnp3Conversation"),
    "iec104": ("iec104.conversation", "Iec104Conversation"),
    "mms": ("mms.conversation", "MmsConversation"),
    "modbus": ("modbus.conversation", "ModbusConversation"),
    "opcua": ("opcua.conversation", "OpcuaConversation"),
    "tls": ("tls", "TlsConversation"),
}
_LAYER2: Final = {0x0806: ("network.arp", "Arp"), 0x88B8: ("goose.publishers", "Goose")}


@cache
def dissector(protocol: str) -> Dissector:
    """Return what reads a protocol."""
    return cast("Dissector", _load(*_CONVERSATIONS[protocol]))


def layer2(notes: Sightings, trace: Trace | None) -> dict[int, Layer2]:
    """Return what reads frames without IP, by EtherType."""
    made = {kind: cast("Callable[[Sightings, Trace | None], Layer2]", _load(*where)) for kind, where in _LAYER2.items()}
    return {kind: make(notes, trace) for kind, make in made.items()}


def _load(module: str, name: str) -> object:
    return getattr(import_module(f"protocols.tap.{module}"), name)
