"""Configuration of the cyber checks: the policy that a security officer signs, and how long is learned."""

import re
from collections.abc import Iterator
from ipaddress import ip_network
from typing import Final, Literal

from detectors import stretches
from detectors.cyber.policy import Allowed
from detectors.detector import Detector, DetectorConfig
from protocols.points import Points
from protocols.settings import Fault, Field, settings

MAC: Final = re.compile("[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}")
PARTIES: Final = ("masters", "own", "engineering", "scanners", "virtual")
Word = Literal["off", "info", "warning", "critical", "emergency"]


@settings
class CyberConfig(DetectorConfig):
    """Watches who does what to whom, in the gateway's own conversations and on the wire."""

    detector: Literal["cyber"] = "cyber"
    learn_s: float = Field(default=604_800.0, ge=0, le=31_536_000)
    """How long who is there and who talks to whom is learned before it is frozen; seconds, a week by default."""
    learning: Literal["auto", "frozen"] = "auto"
    """frozen: what is new is never taken as normal; it waits for `gridsentinel learn`."""
    masters: tuple[str, ...] = ()
    """Who may read, write, control, freeze, set the time: addresses, networks; short for rules in `allow`."""
    allow: tuple[Allowed, ...] = ()
    """Who may do what to whom. Writing is never learned, only allowed here."""
    own: tuple[str, ...] = ()
    """Addresses of the gateway itself, beside those from which it is seen to talk to its devices."""
    engineering: tuple[str, ...] = ()
    """Hosts that may restart devices and move files and programs, in a maintenance window."""
    scanners: tuple[str, ...] = ()
    """Hosts that may look for others: an inventory, a vulnerability scanner."""
    virtual: tuple[str, ...] = ()
    """Addresses that move between hosts: VRRP, HSRP, PRP. IP addresses, or MAC addresses with wildcards."""
    maintenance: tuple[stretches.Stretch, ...] = ()
    """Times [from, to] in which engineering is expected, ISO 8601, UTC without an offset."""
    checks: dict[str, Word] = Field(default_factory=dict)
    """Checks that are off, or whose alarms are of another severity."""

    @property
    def rules(self) -> tuple[Allowed, ...]:
        """All rules: those written out, and those of the masters."""
        every = ("read", "discover", "write", "control", "select", "freeze", "time", "session", "config")
        return (*self.allow, *(Allowed(source=each, actions=every) for each in self.masters))  # type: ignore[arg-type]

    def build(self, points: Points) -> Detector:
        """Make the detector."""
        from detectors.cyber.detector import Cyber  # noqa: PLC0415 - loaded only where it is used

        return Cyber(self, points)

    def faults(self) -> Iterator[Fault]:
        """Yield what only shows between keys: stretches and networks that are none, checks that there are not."""
        from detectors.cyber.checks import CHECKS  # noqa: PLC0415 - the checks know this configuration

        names = {check.NAME for check in CHECKS}
        for name in sorted(set(self.checks) - names):
            yield ("checks", name), f"there is no check '{name}': {', '.join(sorted(names))}"
        for path, text in stretches.faults(self.maintenance):
            yield ("maintenance", *path[1:]), text
        for key in PARTIES:
            for index, each in enumerate(getattr(self, key)):
                if (wrong := _fault(each)) is not None:
                    yield (key, index), wrong
        for index, rule in enumerate(self.allow):
            for key in ("source", "target"):
                if (wrong := _fault(getattr(rule, key))) is not None:
                    yield ("allow", index, key), wrong

    def identity(self) -> str:
        """Return what its baseline depends on: nothing; facts are facts under any policy."""
        return self.detector


def _fault(listed: str) -> str | None:
    """Return what is wrong with a listed party: what no address is ever like would silently allow nobody."""
    if "*" in listed or "?" in listed or MAC.fullmatch(listed):
        return None
    try:
        ip_network(listed, strict=False)
    except ValueError:
        return f"'{listed}' is no address such as 10.0.0.5 or 00:0c:29:aa:bb:cc, and no network such as 10.0.0.0/24"
    return None
