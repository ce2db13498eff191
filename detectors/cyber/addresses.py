"""What the text of an address says: one party, many, nobody yet, or one that moves between hosts by design."""

from typing import Final

VIRTUAL_PREFIXES: Final = ("00:00:5e:00:01", "00:00:5e:00:02", "00:00:0c:07:ac", "00:00:0c:9f:f")
"""Hardware addresses of VRRP for IPv4 and IPv6 (RFC 9568 clause 7.3), of HSRP version 1 and 2."""
NOBODY: Final = ("0.0.0.0", "::", "169.254.", "fe80:")  # noqa: S104 - compared with, not listened on
"""How an IP address begins that a host has before it was given one, or beside that which it was given."""


def many(address: str) -> bool:
    """Return whether it is a multicast or broadcast address, of IPv4, IPv6 or Ethernet."""
    if len(address) == 17 and address[2] == ":":
        return address[1] in "13579bdfBDF"
    if ":" in address:
        return address.startswith("ff")
    head, dot, _ = address.partition(".")
    return bool(dot) and head.isdigit() and (int(head) >= 224 or address.endswith(".255"))


def nobody(address: str) -> bool:
    """Return whether it is an IP address that says nothing about who it is."""
    return address.startswith(NOBODY)


def virtual(mac: str) -> bool:
    """Return whether hosts share this hardware address to stand in for one another."""
    return mac.lower().startswith(VIRTUAL_PREFIXES)
