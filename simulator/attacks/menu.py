"""The menu of attacks: all that can be done to the simulated substation, each with the checks that must notice it."""

from collections.abc import Mapping
from itertools import chain
from typing import Final

from simulator.attacks import between, dnp3, goose, iec104, insider, mms, modbus, network, opcua
from simulator.attacks.attack import Attack

FAMILIES: Final[Mapping[str, tuple[type[Attack], ...]]] = {
    "network": (*network.ATTACKS, *between.ATTACKS),
    "Modbus": modbus.ATTACKS,
    "DNP3": dnp3.ATTACKS,
    "IEC 60870-5-104": iec104.ATTACKS,
    "IEC 61850 MMS": mms.ATTACKS,
    "GOOSE": goose.ATTACKS,
    "OPC UA": opcua.ATTACKS,
    "from within": insider.ATTACKS,
}
"""By what they use."""
MENU: Final[Mapping[str, type[Attack]]] = {each.NAME: each for each in chain.from_iterable(FAMILIES.values())}
"""By name."""


def table() -> str:
    """Return the menu as a table of Markdown, for docs/simulator.md."""
    rows = (
        f"| {family} | `{each.NAME}` | {each().text} | {', '.join(f'`{check}`' for check in each.CHECKS)} |"
        for family, attacks in FAMILIES.items()
        for each in attacks
    )
    return "\n".join(("| by | attack | what is done | checks that notice it |", "|---|---|---|---|", *rows))
