"""Timed attacks on a DNP3 substation (Rodofile et al. 2017, qut_dnp3): how soon each is told, and what is told wrongly.

The captures are those of the attacker's switch port, a day each; `intervals_utc.csv` has when each attack was run. The
policy is what that site would write: its two stations are masters. A control day is learned and frozen: the first 30 %
of it when it is judged itself, the whole of it for the days of attacks.

An attack is found when an alarm worse than info begins, or the reason of one that is active is seen again, between its
start and 10 s later. On control days only the loop of the replayed GOOSE may be told, where its numbers go back.
"""

import csv
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from feed import NS, Site, first, frames, loud
from table import Line, none, share

from detectors.model import Finding

FOLDER = "qut_dnp3"
POLICY = {"masters": ["192.168.10.221", "192.168.10.222"], "learn_s": 7 * 86_400}
WITHIN_S = 10.0
AFTER_S = 60.0
"""What is told so long after an attack belongs to it: connections that time out, tables that are put right."""
LEARNED = 0.3
TARGET = 97.0


@dataclass(frozen=True)
class Attack:
    """What was run, and when, in seconds since 1970."""

    name: str
    start_s: float
    end_s: float


def measure(folder: Path) -> Sequence[Line]:
    """Return how many attacks were told in time, and what was told on control days and between attacks.

    Raises:
        FileNotFoundError: there are no such captures.
    """
    where = folder / FOLDER
    attacks = _attacks(where / "intervals_utc.csv")
    captures = dict(_captures(where))
    if not captures:
        raise FileNotFoundError(2, "no captures", str(where))
    control = [path for name, path in captures.items() if name not in attacks]
    lines, learned = [], Site(**POLICY)
    for path in control:
        whole = Site(**POLICY)
        whole.play(frames(path))
        learned = whole
        lines += _control(path)
    found, missed, between, delays = 0, list[str](), list[str](), list[float]()
    kinds = Counter[str]()
    for name in sorted(attacks.keys() & captures.keys()):
        site = learned.learned().play(frames(captures[name]))
        told = [each for each in site.happened if loud(each)]
        for attack in attacks[name]:
            hits = [each for each in told if 0 <= each.time_ns / NS - attack.start_s <= WITHIN_S]
            if hits:
                found += 1
                delays.append(min(each.time_ns / NS for each in hits) - attack.start_s)
                kinds.update({each.kind for each in hits})
            else:
                missed.append(f"{name[:24]} {attack.name} {attack.start_s:.0f}: {_later(told, attack)}")
        between += _between(site.alarms, attacks[name])
    total = found + len(missed)
    delays.sort()
    lines.insert(0, share("attacks told within 10 s", found, total, TARGET, tuple(missed)))
    if delays:
        lines.append(
            Line("median delay, and 95 %", f"{delays[len(delays) // 2]:.1f} s, {delays[int(len(delays) * 0.95)]:.1f} s")
        )
        lines.append(Line("by", ", ".join(f"{kind} {count}" for kind, count in kinds.most_common())))
    lines.append(Line("alarms outside of attacks, all days", str(len(between)), details=tuple(between)))
    return lines


def _attacks(path: Path) -> Mapping[str, Sequence[Attack]]:
    found = defaultdict[str, list[Attack]](list)
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            attack = Attack(row["attack"], float(row["start_utc_epoch"]), float(row["end_utc_epoch"]))
            found[row["capture"]].append(attack)
    return found


def _captures(where: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(where.glob("*attacker.pcap*")):
        yield path.name.partition("_attacker.pcap")[0], path


def _control(path: Path) -> Iterator[Line]:
    """A day without attacks: learned on its beginning, and quiet on the rest of it."""
    whole = sum(1 for _ in frames(path))
    site = Site(**POLICY)
    site.play(first(frames(path), LEARNED, whole))
    began_ns = site.cyber.desk.now_ns
    judged = site.learned().play(each for each in frames(path) if each[1] > began_ns)
    splices = [each for each in judged.alarms if each.kind == "goose_state" and "went back" in each.text]
    wrong = tuple(_told(each) for each in judged.alarms if each not in splices)
    yield none(f"alarms of control day {path.name[:16]}, the replayed GOOSE apart", wrong)
    yield Line("the loop of the replayed GOOSE is told", f"{len(splices)} publishers")


def _between(told: Sequence[Finding], attacks: Sequence[Attack]) -> Iterator[str]:
    for each in told:
        at_s = each.time_ns / NS
        if not any(attack.start_s <= at_s <= attack.end_s + AFTER_S for attack in attacks):
            yield _told(each)


def _later(told: Sequence[Finding], attack: Attack) -> str:
    after = [each for each in told if attack.start_s <= each.time_ns / NS <= attack.end_s + AFTER_S]
    return f"{after[0].kind} after {after[0].time_ns / NS - attack.start_s:.1f} s" if after else "nothing"


def _told(finding: Finding) -> str:
    return f"{finding.time_ns / NS:.1f} {finding.severity} {finding.kind} {finding.subject}: {finding.text[:100]}"
