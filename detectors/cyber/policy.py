"""Who may do what: addresses, networks and hardware addresses from the configuration, asked for each sighting."""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from ipaddress import ip_address, ip_network
from typing import Final, Literal

from protocols.settings import Field, settings

Action = Literal[
    "read", "discover", "write", "control", "select", "freeze", "time", "critical", "file", "program", "config",
    "session",
]  # fmt: skip
"""What a request does; `protocols/sighting.py` says which is which."""
MOST_ASKED: Final = 4096
"""Addresses whose answer is at hand; a flood of more is looked up each time."""


@settings
class Allowed:
    """One rule: who may do what to whom. What is left out is any."""

    source: str
    """An IP address, a network such as 10.0.0.0/24, or a MAC address with wildcards."""
    target: str = "*"
    """Likewise."""
    protocol: str = "*"
    """modbus, dnp3, mms, iec104 or opcua."""
    actions: tuple[Action, ...] = Field(default=("read",), min_length=1)
    """read, discover, write, control, select, freeze, time, critical, file, program, config, session."""
    items: tuple[int, int] | None = None
    """First and last address, index or object that it may touch."""


class Who:
    """A set of parties. `listed` are addresses, networks and patterns of hardware addresses."""

    def __init__(self, listed: Sequence[str]) -> None:
        self._exact, self._networks, self._patterns = set[str](), [], list[str]()
        self._known: dict[str, bool] = {}
        for each in listed:
            if "/" in each:
                self._networks.append(ip_network(each, strict=False))
            elif "*" in each or "?" in each:
                self._patterns.append(each.lower())
            else:
                self._exact.add(each.lower())

    def __bool__(self) -> bool:
        return bool(self._exact or self._networks or self._patterns)

    def __contains__(self, address: str) -> bool:
        if not self._networks and not self._patterns:
            return address.lower() in self._exact
        found = self._known.get(address)
        if found is None:
            found = self._look(address.lower())
            if len(self._known) < MOST_ASKED:
                self._known[address] = found
        return found

    def _look(self, address: str) -> bool:
        if address in self._exact or any(fnmatchcase(address, pattern) for pattern in self._patterns):
            return True
        if not self._networks:
            return False
        try:
            parsed = ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in self._networks)


class Rules:
    """The rules of a configuration. One without a rule for an action says nothing about it: `silent`."""

    def __init__(self, allowed: Sequence[Allowed]) -> None:
        self._rules = [(Who([rule.source]), Who([rule.target]), rule) for rule in allowed]

    def silent(self, action: str) -> bool:
        """Return whether no rule speaks of `action`."""
        return not any(action in rule.actions for *_, rule in self._rules)

    def name(self, address: str) -> bool:
        """Return whether a rule lists an address as one that may do something, or to which something may be done."""
        return any(
            (rule.source != "*" and address in sources) or (rule.target != "*" and address in targets)
            for sources, targets, rule in self._rules
        )

    def link(self, source: str, target: str) -> bool:
        """Return whether a rule lets the source do anything to the target."""
        return any(source in sources and target in targets for sources, targets, _ in self._rules)

    def allow(self, source: str, target: str, protocol: str, action: str, items: tuple[int, int] | None = None) -> bool:
        """Return whether a rule allows it; `items` are the first and the last that it touches, None unknown."""
        return any(
            action in rule.actions
            and rule.protocol in ("*", protocol)
            and source in sources
            and target in targets
            and (rule.items is None or (items is not None and rule.items[0] <= items[0] and items[1] <= rule.items[1]))
            for sources, targets, rule in self._rules
        )
