"""Alarms of cyber checks, never many of one kind: what happens is active until it was quiet for a while.

What is so until somebody does something lasts: its finding names in its evidence the `fact` of the baseline that it
contradicts, and what was `normal` then. It ends as soon as another value is normal, as when a person approved it; or
when a check says that it is `over`, the old value being back, as soon as it was quiet for a while: so a value that
goes back and forth is one alarm. All of that stands in the finding, and so outlives a restart.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

from detectors.cyber.baseline import Baseline
from detectors.model import Finding

NS: Final = 1_000_000_000
QUIET_NS: Final = 300 * NS
"""What did not happen again for so long is over."""
SUBJECTS_MAX: Final = 16
"""Alarms of one kind that are active at once; all others are one alarm more of their device, until they are over."""
DEVICES_MAX: Final = 16
"""Devices that have such an alarm: noise about some does not drown what is done to another. More share the first."""
OTHERS: Final = "others"
"""The subject of these."""
FACT: Final = "fact"
NORMAL: Final = "normal"
"""The words in the evidence of what lasts: the key of the fact, and its normal value, None without one."""


Place: TypeAlias = tuple[str, str, tuple[int, ...]]
"""Which of its kind an alarm is: its device, subject and point."""


@dataclass(slots=True)
class Episode:
    """What happens: its first finding, how often it was seen, and when last; `lasts` is whether silence ends it not."""

    finding: Finding
    last_ns: int
    count: int = 1
    lasts: bool = False


class Episodes:
    """What happens now, by kind, then by device and subject."""

    def __init__(self) -> None:
        self._open: dict[str, dict[Place, Episode]] = {}

    def __bool__(self) -> bool:
        return any(self._open.values())

    def happens(self, finding: Finding, count: int = 1) -> Sequence[Finding]:
        """Return what there is to say of something that happens: the first time, or when it gets worse."""
        episodes = self._open.setdefault(finding.kind, {})
        place = _place(finding)
        episode = episodes.get(place)
        others = [] if episode else [each.finding for each in episodes.values() if each.finding.subject == OTHERS]
        if episode is None and (others or len(episodes) >= SUBJECTS_MAX):
            full = len(others) >= DEVICES_MAX and finding.device not in {each.device for each in others}
            text = f"more of the same, the first: {finding.text}"
            device = others[0].device if full else finding.device
            finding = replace(finding, subject=OTHERS, device=device, text=text, rows=())
            place = _place(finding)
            episode = episodes.get(place)
        if episode is None:
            episodes[place] = Episode(finding, finding.time_ns, count, FACT in finding.evidence)
            return (finding,)
        episode.last_ns, episode.count = max(episode.last_ns, finding.time_ns), episode.count + count
        if FACT in finding.evidence:
            episode.lasts = True
            episode.finding = _lasting(episode.finding, finding)
        if finding.severity.rank <= episode.finding.severity.rank:
            return ()
        episode.finding = _lasting(finding, episode.finding) if episode.lasts else finding
        return (episode.finding,)

    def open(self, kind: str) -> int:
        """Return how many alarms of a kind are active."""
        return len(self._open.get(kind, ()))

    def over(self, kind: str, device: str, subject: str) -> None:
        """What lasted is as it was: it ends when it is quiet, as what happens does."""
        episode = self._open.get(kind, {}).get((device, subject, ()))
        if episode is not None:
            episode.lasts = False

    def settled(self, baseline: Baseline, now_ns: int) -> Sequence[Finding]:
        """Return what is over because something else is normal now."""
        over: list[Finding] = []
        for kind, episodes in self._open.items():
            gone = [place for place, each in episodes.items() if each.lasts and not _stands(each, kind, baseline)]
            over += [_ended(episodes.pop(place), now_ns, "something else is normal now") for place in gone]
        return over

    def tick(self, now_ns: int) -> Sequence[Finding]:
        """Return what is over because it is quiet."""
        over: list[Finding] = []
        for episodes in self._open.values():
            quiet = [place for place, each in episodes.items() if not each.lasts and now_ns - each.last_ns >= QUIET_NS]
            over += [_ended(episodes.pop(place), now_ns, f"not for {QUIET_NS // NS // 60} min") for place in quiet]
        return over

    def resume(self, active: Sequence[Finding]) -> None:
        """Take up what was active when the gateway stopped."""
        self._open.clear()
        for finding in active:
            episode = Episode(finding, finding.time_ns, lasts=FACT in finding.evidence)
            self._open.setdefault(finding.kind, {})[_place(finding)] = episode


def _place(finding: Finding) -> Place:
    """Return what distinguishes it, as the names of alarms do: a subject says more than points."""
    return finding.device, finding.subject, () if finding.subject or len(finding.rows) != 1 else finding.rows


def _lasting(finding: Finding, other: Finding) -> Finding:
    """Return a finding with what another one says of how long it lasts."""
    told = {word: other.evidence.get(word) for word in (FACT, NORMAL)}
    return replace(finding, evidence={**finding.evidence, **told})


def _stands(episode: Episode, kind: str, baseline: Baseline) -> bool:
    told = episode.finding.evidence
    return baseline.stands(kind, str(told.get(FACT)), told.get(NORMAL))


def _ended(episode: Episode, now_ns: int, why: str) -> Finding:
    finding = episode.finding
    times = "once" if episode.count == 1 else f"{episode.count} times"
    evidence: Mapping[str, Any] = {**finding.evidence, "count": episode.count}
    text = f"{finding.text} (seen {times}, {why})"
    return replace(finding, active=False, time_ns=now_ns, text=text, evidence=evidence)
