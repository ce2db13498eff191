"""The interface of every cyber check, and the desk that it works at."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, ClassVar, Final

from detectors.cyber.baseline import Baseline
from detectors.cyber.config import CyberConfig
from detectors.cyber.episodes import FACT, NORMAL, Episodes
from detectors.cyber.moves import Move, Moves
from detectors.cyber.policy import Rules, Who
from detectors.model import Finding, Severity
from detectors.stretches import Stretches
from protocols.model import Batch, Event, EventKind, Frame
from protocols.points import Points
from protocols.sighting import Sighting

NAME: Final = "cyber"
OWN_MAX: Final = 64
"""Addresses that are the gateway's own: a few interfaces, and what a NAT or a renumbering leaves behind."""
NUMBERS_MAX: Final = 8
"""Items and values that an alarm shows: a write of a hundred registers is known by its first."""
SHOWN_MAX: Final = 400
"""Characters of a text that an alarm shows: what strangers say about themselves fills no disk."""


@dataclass(eq=False)
class Desk:
    """What all checks share: the policy, the baseline, what happens now, and the findings that wait to be said.

    `now_ns` is the time of detectors, `utc_ns` what the calendar said at the last frame, `synchronised` whether our
    clock is. `devices` are those of the configuration by the address that their url names, `own` the addresses of the
    gateway itself, `moves` what has just moved in the plant.
    """

    config: CyberConfig
    points: Points
    baseline: Baseline
    episodes: Episodes = field(default_factory=Episodes)
    now_ns: int = 0
    utc_ns: int = 0
    synchronised: bool = False
    said: list[Finding] = field(default_factory=list)

    def __post_init__(self) -> None:
        config = self.config
        self.rules = Rules(config.rules)
        self.engineering, self.scanners, self.virtual = map(Who, (config.engineering, config.scanners, config.virtual))
        self.devices: dict[str, str] = {}
        for name, host in zip(self.points.devices, self.points.hosts, strict=True):
            if host:
                self.devices.setdefault(host, name)
        self.own = dict.fromkeys(config.own)
        self.moves = Moves(self.points, self.rules)
        self._maintenance = Stretches(config.maintenance)

    @property
    def maintenance(self) -> bool:
        """Whether a maintenance window is open."""
        return self._maintenance.cover(self.utc_ns or self.now_ns)

    def sees(self, seen: Event) -> None:
        """Let time pass, and learn from our own conversations which addresses are ours."""
        self.now_ns = max(self.now_ns, seen.time_ns)
        if not isinstance(seen, Sighting):
            self.baseline.begin("own", self.now_ns)
            return
        self.baseline.begin("own" if seen.live else "wire", self.now_ns)
        if seen.live and seen.kind is EventKind.PAIR and seen.source and len(self.own) < OWN_MAX:
            self.own[seen.source] = None

    def ours(self, address: str) -> bool:
        """Return whether an address is that of the gateway, or of a device of the configuration."""
        return address in self.own or address in self.devices

    def device(self, seen: Event) -> str:
        """Return the configured device that is concerned: by its address, the target first; else who saw it."""
        if not isinstance(seen, Sighting) or seen.live:
            return seen.device
        return self.devices.get(seen.target) or self.devices.get(seen.source) or seen.device


class Check:
    """One idea. `KINDS` are the events it is shown; it says what it finds with `alarm`, and returns nothing.

    `NAME` is the kind of its alarms and its word in `checks`, `TECHNIQUES` of MITRE ATT&CK for ICS, the likeliest
    first, `SEVERITY` the usual one; `BATCHES` whether it is shown batches too, `MOVES` only what moves with them, and
    `FRAMES` likewise.
    """

    NAME: ClassVar[str]
    KINDS: ClassVar[frozenset[EventKind]]
    TECHNIQUES: ClassVar[tuple[str, ...]] = ()
    SEVERITY: ClassVar[Severity] = Severity.WARNING
    BATCHES: ClassVar[bool] = False
    MOVES: ClassVar[bool] = False
    FRAMES: ClassVar[bool] = False
    ADVICE: ClassVar[str] = ""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        word = desk.config.checks.get(self.NAME)
        self._severity = Severity(word) if word not in (None, "off") else None

    def event(self, seen: Event) -> None:
        """Look at an event of one of `KINDS`."""

    def batch(self, batch: Batch) -> None:
        """Look at readings."""

    def moved(self, moves: Sequence[Move]) -> None:
        """Look at outputs and breakers that have just moved."""

    def frame(self, frame: Frame) -> None:
        """Look at the plant as a whole, once a second."""

    def tick(self, now_ns: int) -> None:
        """Let time pass."""

    def stepped(self, by_ns: int) -> None:
        """Our own clock was set by so much."""

    def alarm(
        self,
        seen: Event,
        text: str,
        *,
        subject: str = "",
        severity: Severity | None = None,
        rows: tuple[int, ...] = (),
        technique: str = "",
        evidence: Mapping[str, Any] | None = None,
    ) -> None:
        """Say that something happens. `checks` of the configuration has the last word on the severity.

        It ends when it does not happen again for a while, but for what `lasts`, which is a part of its evidence.
        """
        count = seen.count if isinstance(seen, Sighting) else 1
        finding = Finding(
            detector=NAME,
            kind=self.NAME,
            device=self.desk.device(seen),
            severity=self._severity or severity or self.SEVERITY,
            time_ns=seen.time_ns,
            text=plain(text),
            rows=rows,
            subject=plain(subject),
            advice=self.ADVICE,
            technique=technique or (self.TECHNIQUES[0] if self.TECHNIQUES else ""),
            evidence={**shown(seen), **(evidence or {})},
        )
        self.desk.said += self.desk.episodes.happens(finding, count)

    def lasts(self, key: str) -> Mapping[str, Any]:
        """Return, as evidence, that something is so until a fact is normal that it contradicts, or it is `over`."""
        baseline = self.desk.baseline
        return {FACT: key, NORMAL: baseline.value(self.NAME, key) if baseline.knows(self.NAME, key) else None}

    def over(self, seen: Event, subject: str = "") -> None:
        """Say that what lasted is as it was; nothing when nothing did."""
        self.desk.episodes.over(self.NAME, self.desk.device(seen), plain(subject))


def shown(seen: Event) -> Mapping[str, Any]:
    """Return what an alarm shows of the event that raised it: who, whom, what, and the first bytes."""
    if not isinstance(seen, Sighting):
        return {"detail": seen.detail}
    told: dict[str, Any] = {
        "source": seen.source,
        "target": seen.target,
        "port": seen.port,
        "protocol": seen.protocol,
        "function": seen.function,
        "count": seen.count,
        **{key: value for key, value in seen.facts.items() if isinstance(value, str | int | float)},
        **{key: _numbers(value) for key, value in seen.facts.items() if isinstance(value, tuple | list)},
        "raw": seen.raw.hex(),
    }
    return {
        key: plain(value) if isinstance(value, str) else value for key, value in told.items() if value not in ("", [])
    }


def _numbers(told: Sequence[Any]) -> list[int | float]:
    """Return what is a number of the first few."""
    return [each for each in told[:NUMBERS_MAX] if isinstance(each, int | float) and isfinite(each)]


def number(seen: Sighting, fact: str) -> float:
    """Return a fact that is a number; 0 when it is missing or none."""
    told = seen.facts.get(fact)
    return told if isinstance(told, int | float) and isfinite(told) else 0


def plain(text: str) -> str:
    """Return a text that came from the wire as a line can show it: printable, and not long."""
    return text[:SHOWN_MAX] if text.isprintable() else "".join(c if c.isprintable() else "?" for c in text[:SHOWN_MAX])


def link(seen: Sighting) -> str:
    """Return `SOURCE-TARGET`, the subject of an alarm about who does something to whom."""
    return f"{seen.source}-{seen.target}" if seen.target else seen.source
