"""A gateway with a tap, as a site would have configured it: captures in, alarms out, by the way that frames go live."""

import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, Self

import numpy as np

from detectors.cyber.config import CyberConfig
from detectors.cyber.detector import Cyber
from detectors.model import Finding, Severity
from protocols.model import Event, Frame, Tick
from protocols.points import Points
from protocols.sighting import Sighting
from protocols.tap.capture.pcap import Capture
from protocols.tap.capture.silence import Silence
from protocols.tap.capture.source import Captured
from protocols.tap.dissector import Trace
from protocols.tap.watch import Watch

NS = 1_000_000_000
STEP_NS = NS // 4
"""How often a live gateway lets time pass (`TICK_S` in gateway/flow.py) and takes what the tap has seen."""
AFTER_NS = 3 * NS
"""So long after the last frame, for what is told once a second."""


class Site:
    """The cyber checks and a tap. `hosts` are the devices of the configuration and their addresses.

    `said` is what they said; `happened` also each time that the reason for an alarm was seen again; `seen` what the
    tap saw, where `keep` is True.
    """

    def __init__(
        self,
        *,
        hosts: Mapping[str, str] | None = None,
        keep: bool = False,
        trace: Trace | None = None,
        **policy: Any,
    ) -> None:
        self._hosts, self._policy, self._keep = dict(hosts or {}), policy, keep
        points = Points(
            devices=tuple(self._hosts),
            names=(),
            configs=(),
            device_of=np.array([], np.int32),
            every_s=np.array([]),
            rows_of={},
            hosts=tuple(self._hosts.values()),
        )
        self.cyber = Cyber(CyberConfig(detector="cyber", **policy), points)
        self.watch = Watch("tap1", trace=trace)
        self._silence = Silence("tap1", recorded=True)
        self.said: list[Finding] = []
        self.happened: list[Finding] = []
        self.seen: list[Sighting] = []
        self._due_ns = 0
        happens = self.cyber.desk.episodes.happens

        def noticed(finding: Finding, count: int = 1) -> Any:
            self.happened.append(finding)
            return happens(finding, count)

        self.cyber.desk.episodes.happens = noticed  # type: ignore[method-assign]

    def learned(self) -> Self:
        """Return a gateway that has learned what this one has, and learns no more."""
        other = type(self)(hosts=self._hosts, keep=self._keep, **self._policy)
        other.cyber.baseline.take_up(self.cyber.baseline.told())
        other.cyber.baseline.freeze()
        return other

    def play(self, frames: Iterable[Captured], *, after_ns: int = AFTER_NS) -> Self:
        """Look at frames as they come, let their time pass, and `after_ns` more."""
        frame = self.watch.frame
        for data, time_ns, vlan, _ in frames:
            self._due_ns = self._due_ns or time_ns
            while time_ns >= self._due_ns:
                self._turn()
            frame(data, time_ns, vlan)
        until_ns = self._due_ns + after_ns
        while self._due_ns < until_ns:
            self._turn()
        return self

    @property
    def alarms(self) -> list[Finding]:
        """What began, or got worse, and is worse than info."""
        return [each for each in self.said if each.active and loud(each)]

    def _turn(self) -> None:
        now_ns, self._due_ns = self._due_ns, self._due_ns + STEP_NS
        observe = self.cyber.observe
        none = np.array([])
        self.said += observe(Frame(now_ns, now_ns, none, none == 0))
        for event in (*self.watch.take(now_ns), *self._silence.look(self.watch.frames, now_ns)):
            if self._keep and isinstance(event, Sighting):
                self.seen.append(event)
            if isinstance(event, Event):
                self.said += observe(event)
        self.said += observe(Tick(now_ns))


def loud(finding: Finding) -> bool:
    """Return whether it is worse than info."""
    return finding.severity is not Severity.INFO


def frames(path: Path) -> Iterator[Captured]:
    """Yield the frames of a capture: pcap or pcapng, in the clear, gzip, or alone in a zip."""
    with _unpacked(path) as plain:
        yield from Capture(plain).frames()


@contextmanager
def _unpacked(path: Path) -> Iterator[Path]:
    if path.suffix != ".zip":
        yield path
        return
    with zipfile.ZipFile(path) as archive, NamedTemporaryFile(suffix=".pcap") as copy:
        name = next(name for name in archive.namelist() if "pcap" in name)
        with archive.open(name) as packed:
            while block := packed.read(1 << 20):
                copy.write(block)
        copy.flush()
        yield Path(copy.name)


def until(found: Iterator[Captured], time_ns: int) -> Iterator[Captured]:
    """Yield frames up to the first that is not before `time_ns`; the others stay in `found`."""
    for each in found:
        yield each
        if each[1] >= time_ns:
            return
