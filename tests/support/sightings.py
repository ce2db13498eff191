"""What is seen of who does what to whom, in few words, and a bench that shows it to the cyber checks.

    bench = Bench(masters=["10.0.0.5"])
    bench.learned()
    bench.sees(command("10.0.0.66", "10.0.0.11", function="5", action="control"))
    assert list(bench.alarms) == ["relay1/10.0.0.66-10.0.0.11/unauthorised_write"]

Nobody gives times: what is seen is seen now, and `wait` lets time pass.
"""

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from detectors.cyber.baseline import VIEWS
from detectors.cyber.checks import CHECKS
from detectors.cyber.config import CyberConfig
from detectors.cyber.detector import Cyber
from detectors.model import Finding, Severity
from protocols.modbus.config import ModbusDevice, ModbusPoint
from protocols.model import Event, EventKind, Frame, Seen, Tick
from protocols.points import Points
from protocols.sighting import Sighting

NS = 1_000_000_000
BEGIN_S = 1_700_000_000
LEARN_S = 60.0
TAP = "tap1"
RELAY1, RELAY2, HMI, ATTACKER = "10.0.0.11", "10.0.0.12", "10.0.0.5", "10.0.0.66"
"""Two devices of the configuration, a host that was there while all was learned, and one that has no business here."""


def seen(
    kind: EventKind, source: str = "", target: str = "", detail: str = "", *, device: str = TAP, **told: Any
) -> Sighting:
    """Return a sighting: of `told`, what `Sighting` has no field for is a fact."""
    fields = {key: told.pop(key) for key in tuple(told) if key in Sighting.__dataclass_fields__}
    return Sighting(device, kind, detail, 0, source=source, target=target, facts=told, **fields)


command = partial(seen, EventKind.COMMAND)
query = partial(seen, EventKind.QUERY)
exception = partial(seen, EventKind.EXCEPTION)
orphan = partial(seen, EventKind.ORPHAN)
malformed = partial(seen, EventKind.MALFORMED)
publisher = partial(seen, EventKind.PUBLISHER)
sweep = partial(seen, EventKind.SWEEP)
rate = partial(seen, EventKind.RATE)
security = partial(seen, EventKind.SECURITY)
unsolicited = partial(seen, EventKind.UNSOLICITED)
round_trip = partial(seen, EventKind.ROUND_TRIP)
identity = partial(seen, EventKind.IDENTITY)
restart = partial(seen, EventKind.RESTART)
clock = partial(seen, EventKind.CLOCK)
drops = partial(seen, EventKind.DROPS)
integrity = partial(seen, EventKind.INTEGRITY)


def talker(ip: str, mac: str = "02:00:00:00:00:01", **told: Any) -> Sighting:
    """Somebody is there."""
    return seen(EventKind.TALKER, ip or mac, ip=ip, mac=mac, **told)


def pair(
    source: str, target: str, port: int = 502, *, answered: bool = True, opened: str = "syn", **told: Any
) -> Event:
    """Two talk; the source is the client."""
    facts = {"protocol": "tcp", "function": "tcp", **told}
    return seen(EventKind.PAIR, source, target, port=port, answered=answered, opened=opened, **facts)


def binding(ip: str, mac: str, was: str, *, sender: str = "", **told: Any) -> Sighting:
    """An IP address has another hardware address."""
    facts = {"protocol": "arp", "sender": sender or mac, **told}
    return seen(EventKind.BINDING, sender or mac, ip, ip=ip, mac=mac, was=was, **facts)


def plant() -> Points:
    """Return two devices, relay1 and relay2, of two points each."""
    named = tuple(ModbusPoint(name=name, address=f"holding:{at}") for at, name in enumerate(("va", "ia")))
    devices = [
        ModbusDevice(name=name, protocol="modbus", url=f"tcp://{host}:502", points=named)
        for name, host in (("relay1", RELAY1), ("relay2", RELAY2))
    ]
    return Points.of([(device, named) for device in devices])


class Bench:
    """The cyber checks, with a policy and a plant. `said` is all they said, `alarms` what is active, by its id.

    `only` is the check that looks; without it all do.
    """

    def __init__(self, points: Points | None = None, *, only: str = "", **policy: Any) -> None:
        self.points = points or plant()
        if only:
            policy["checks"] = {each.NAME: "off" for each in CHECKS if only != each.NAME} | policy.get("checks", {})
        self.config = CyberConfig(**{"detector": "cyber", "learn_s": LEARN_S, **policy})
        self.cyber = Cyber(self.config, self.points)
        self.now_ns = BEGIN_S * NS
        self.said: list[Finding] = []
        self.alarms: dict[str, Finding] = {}
        self.wait(1)

    def sees(self, *events: Event) -> list[Finding]:
        """Show events, as of now; return what is said of them."""
        return [said for each in events for said in self.shows(replace(each, time_ns=self.now_ns))]

    def wait(self, for_s: float, step_s: float = 1.0) -> list[Finding]:
        """Let time pass, in ticks; return what is said."""
        said, until_ns = [], self.now_ns + int(for_s * NS)
        while self.now_ns < until_ns:
            self.now_ns = min(self.now_ns + int(step_s * NS), until_ns)
            said += self.shows(Tick(self.now_ns))
            said += self.shows(Frame(self.now_ns, self.now_ns, self._none, self._none == 0))
        return said

    def shows(self, what: Seen) -> list[Finding]:
        """Show anything as it is; return what is said."""
        found = list(self.cyber.observe(what))
        self._keep(found)
        return found

    def learned(self, *events: Event) -> None:
        """Show what is normal here, of both views, and let the time of learning pass."""
        for view in VIEWS:
            self.cyber.baseline.begin(view, self.now_ns)
        self.sees(*events)
        self.wait(LEARN_S + 1, step_s=LEARN_S + 1)

    def restart(self) -> None:
        """Restart the gateway: what was learned comes from its file, what was active from the store."""
        old, self.cyber = self.cyber, Cyber(self.config, self.points)
        self.cyber.baseline.take_up(old.baseline.told())
        taken = self.cyber.resume([*self.alarms.values()])
        assert [*taken] == [*self.alarms.values()]

    @property
    def warnings(self) -> list[str]:
        """The ids of what is active and worse than info."""
        return [name for name, each in self.alarms.items() if each.severity is not Severity.INFO]

    @property
    def _none(self) -> np.ndarray:
        return np.full(len(self.points), np.nan)

    def _keep(self, found: list[Finding]) -> None:
        self.said += found
        for each in found:
            name = "/".join(word for word in (each.device, each.subject, each.kind) if word)
            if each.active:
                self.alarms[name] = each
            else:
                assert self.alarms.pop(name, None) is not None, f"{name} ended and had not begun"
