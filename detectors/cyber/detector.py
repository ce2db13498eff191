"""The detector of all cyber checks: shows each event to those that asked for its kind."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from detectors.cyber.baseline import Baseline
from detectors.cyber.check import Check, Desk
from detectors.cyber.checks import CHECKS
from detectors.cyber.config import CyberConfig
from detectors.detector import Learned
from detectors.model import Finding
from protocols.model import Batch, Event, EventKind, Frame, Seen, Tick
from protocols.points import Points
from protocols.sighting import Sighting

NS: Final = 1_000_000_000


class Cyber:
    """Checks that are not off, by what they want to see."""

    def __init__(self, config: CyberConfig, points: Points) -> None:
        baseline = Baseline(int(config.learn_s * NS), frozen=config.learning == "frozen")
        self.desk = Desk(config, points, baseline)
        self.checks = [each(self.desk) for each in CHECKS if config.checks.get(each.NAME) != "off"]
        kinds = {kind for check in self.checks for kind in check.KINDS}
        self._by_kind: Mapping[Any, list[Check]] = {
            kind: [check for check in self.checks if kind in check.KINDS] for kind in kinds
        }
        self._batches = [check for check in self.checks if check.BATCHES]
        self._moving = [check for check in self.checks if check.MOVES]
        self._frames = [check for check in self.checks if check.FRAMES]
        self._ticking = [check for check in self.checks if type(check).tick is not Check.tick]

    @property
    def baseline(self) -> Baseline:
        """What is normal here."""
        return self.desk.baseline

    def observe(self, seen: Seen) -> Sequence[Finding]:
        """Return what began to happen, got worse, or is over."""
        desk = self.desk
        if isinstance(seen, Event):
            desk.sees(seen)
            self._note(seen)
            for check in self._by_kind.get(seen.kind, ()):
                check.event(seen)
        elif isinstance(seen, Batch):
            desk.moves.batch(seen)
            for check in self._moving if desk.moves.moved else ():
                check.moved(desk.moves.moved)
            for check in self._batches:
                check.batch(seen)
        elif isinstance(seen, Tick):
            desk.now_ns, desk.synchronised = seen.time_ns, seen.synchronised
            self._tick(seen)
        elif isinstance(seen, Frame):
            self._frame(seen)
        if not desk.said:
            return ()
        said, desk.said = desk.said, []
        return said

    def _tick(self, tick: Tick) -> None:
        if tick.stepped_ns:
            for check in self.checks:
                check.stepped(tick.stepped_ns)
        for check in self._ticking:
            check.tick(tick.time_ns)
        if self.desk.episodes:
            self.desk.said += self.desk.episodes.settled(self.baseline, tick.time_ns)
            self.desk.said += self.desk.episodes.tick(tick.time_ns)

    def _frame(self, frame: Frame) -> None:
        self.desk.utc_ns = frame.utc_ns
        self.desk.moves.frame(frame)
        for check in self._frames:
            check.frame(frame)

    def _note(self, seen: Event) -> None:
        """Keep what several checks ask for: who commands, and who begins anew."""
        moves = self.desk.moves
        moves.event(seen)
        if seen.kind is EventKind.COMMAND and isinstance(seen, Sighting):
            moves.command(self.desk.device(seen), seen)

    def resume(self, active: Sequence[Finding]) -> Sequence[Finding]:
        """Take up what was active when the gateway stopped."""
        named = {check.NAME for check in self.checks}
        taken = [finding for finding in active if finding.kind in named]
        self.desk.episodes.resume(taken)
        return taken

    def learned(self) -> Sequence[Learned]:
        """Return how far each check is that has learned anything."""
        baseline, now_ns = self.baseline, self.desk.now_ns
        return [
            Learned(check, "frozen" if baseline.frozen else "ready" if share >= 1 else "learning", share)
            for check in sorted({fact.check for fact in baseline.facts()})
            for share in (baseline.share(check, now_ns),)
        ]
