"""Who is on the wire: devices of the station, the gateway, the HMI, and the masters behind two routers."""

from typing import Final

GATEWAY, HMI, TIME_SERVER, LAPTOP = "10.20.0.3", "10.20.0.20", "10.20.0.4", "10.20.0.99"
FIRST_MASTER, SECOND_MASTER, MANAGEMENT = "10.1.0.5", "10.1.0.6", "10.1.0.30"
"""In the control centre."""
ROUTER, ROUTERS = "10.20.0.1", ("10.20.0.251", "10.20.0.252")
"""The address that the two routers share by VRRP, and their own."""
DEVICES: Final = {
    "meter1": "10.20.0.11",
    "meter2": "10.20.0.12",
    "serial": "10.20.0.13",
    "relay1": "10.20.0.21",
    "relay2": "10.20.0.22",
    "regulator": "10.20.0.23",
    "rtu": "10.20.0.31",
    "ied1": "10.20.0.41",
    "ied2": "10.20.0.42",
    "plc": "10.20.0.51",
}
MASKS: Final = "10.20.0."
"""What is here, and needs no router."""

_VENDORS: Final = {
    "10.20.0.1": "00:00:5e:00:01:14",
    GATEWAY: "dc:a6:32:10:00:03",
    TIME_SERVER: "00:0b:3c:20:00:04",
    HMI: "3c:52:82:30:00:20",
    LAPTOP: "c8:5b:76:40:00:99",
    "10.20.0.251": "00:1e:14:50:02:51",
    "10.20.0.252": "00:1e:14:50:02:52",
    DEVICES["meter1"]: "00:50:c2:60:00:11",
    DEVICES["meter2"]: "00:50:c2:60:00:12",
    DEVICES["serial"]: "00:90:e8:70:00:13",
    DEVICES["relay1"]: "00:30:a7:80:00:21",
    DEVICES["relay2"]: "00:30:a7:80:00:22",
    DEVICES["regulator"]: "00:0a:dc:90:00:23",
    DEVICES["rtu"]: "00:60:1a:a0:00:31",
    DEVICES["ied1"]: "00:21:c1:b0:00:41",
    DEVICES["ied2"]: "00:21:c1:b0:00:42",
    DEVICES["plc"]: "00:1b:1b:c0:00:51",
}
_HOPS: Final = {HMI: 128, LAPTOP: 128, FIRST_MASTER: 126, SECOND_MASTER: 126, MANAGEMENT: 62}
"""Of packets of systems that begin with 128, and of those that have passed two routers."""
_RELAYS: Final = ("10.20.0.2", "10.20.0.4")
"""How the addresses of devices begin whose packets have 255."""
SWITCH: Final = bytes.fromhex("001ecd0000f0")
"""The management address of the switch, from which STP and LLDP come."""


def hops(ip: str) -> int:
    """Return how many routers may still pass on the packets of an address."""
    return _HOPS.get(ip, 255 if len(ip) == 10 and ip.startswith(_RELAYS) else 64)


def hardware(ip: str) -> bytes:
    """Return where an address is reached: its own hardware, or the router's."""
    return bytes.fromhex(_VENDORS[ip if ip.startswith(MASKS) else ROUTER].replace(":", ""))


def sends(ip: str, router: int) -> bytes:
    """Return from which hardware the frames of an address come; `router` is the one that forwards now, 0 or 1."""
    return hardware(ip if ip.startswith(MASKS) and ip != ROUTER else ROUTERS[router])
