"""Which dissector reads what: by the server's port, and right above Ethernet by the EtherType.

A dissector is loaded with the first connection that needs it, so a plant pays for the protocols that it has.
"""

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
DATAGRAMS: Final = frozenset({"dnp3"})
"""What is spoken over UDP too."""

_CONVERSATIONS: Final = {
    "dnp3": "Dnp3Conversation",
    "iec104": "Iec104Conversation",
    "mms": "MmsConversation",
    "modbus": "ModbusConversation",
    "opcua": "OpcuaConversation",
    "tls": "TlsConversation",
}
_LAYER2: Final = {0x0806: ("arp", "Arp"), 0x88B8: ("goose", "Goose")}


@cache
def dissector(protocol: str) -> Dissector | None:
    """Return what reads a protocol."""
    found = _load(protocol, _CONVERSATIONS[protocol])
    return cast("Dissector | None", found)


def layer2(notes: Sightings, trace: Trace | None) -> dict[int, Layer2]:
    """Return what reads frames without IP, by EtherType."""
    found = {kind: _load(*where) for kind, where in _LAYER2.items()}
    return {kind: cast("Layer2", made(notes, trace)) for kind, made in found.items() if callable(made)}


def _load(module: str, name: str) -> object | None:
    path = f"protocols.tap.{module}"
    try:
        return cast("object", getattr(import_module(path), name))
    except ModuleNotFoundError as missing:
        if missing.name != path:
            raise
        return None
