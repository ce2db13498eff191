"""Timed attacks on a DNP3 substation (Rodofile et al. 2017, qut_dnp3): how soon each is told, and what is told wrongly.

The captures are those of the attacker's switch port, a day each; `intervals_utc.csv` has when the script of each attack
ran. The gateway learns the first 30 % of a control day, is frozen, and must be quiet on the rest of it, but for the
loop of the replayed GOOSE, where its numbers go back. What it has learned it keeps for the days of attacks.

An attack is told when an alarm worse than info begins, or the reason of one that is active is seen again, within 10 s
of its first frame; what is told within 10 s of the script's start stands beside it. There is no offset between the two
clocks: what sends at once has its first frame within 0.3 s of the start in the log, those that send to the
end their last one within 0.1 s of it, on each of the days. But an injection waits until it has overheard a connection,
2 to 32 s, before it sends. So the first frame is the first that the name of the attack asks for: an ARP answer of a
MITM, TCP of nmap, of all others TCP from or to the port of DNP3. On the control day there is none of these.

Three policies: none; one where the master may do to its outstation what masters do, so that what is sent in its name is
allowed; and one where both stations are masters.
"""

import csv
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from feed import NS, Site, frames, loud, until
from lines import Line, none, share

from detectors.cyber.policy import Action, Allowed
from detectors.model import Finding

FOLDER = "qut_dnp3"
LEARN_NS = int(0.3 * 86_400 * NS)
MASTER: tuple[Action, ...] = ("read", "discover", "write", "control", "select", "freeze", "time", "session", "config")
POLICIES: Mapping[str, Mapping[str, Any]] = {
    "no policy": {},
    "master and outstation": {
        "allow": [Allowed(source="192.168.10.221", target="192.168.10.222", actions=MASTER)],
    },
    "both stations masters": {"masters": ["192.168.10.221", "192.168.10.222"]},
}
WITHIN_S = 10.0
AFTER_S = 60.0
"""What is told so long after an attack belongs to it: connections that time out, tables that are put right."""
TARGET = 97.0
DNP3 = (20_000).to_bytes(2, "big")


@dataclass
class Attack:
    """What was run, when in seconds since 1970, and when its first frame came; None when none did."""

    name: str
    start_s: float
    end_s: float
    frame_s: float | None = None


@dataclass
class Tally:
    """What was found with a policy."""

    delays: list[float] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)
    missed: list[str] = field(default_factory=list)
    early: int = 0
    between: list[str] = field(default_factory=list)

    def take(self, told: Sequence[Finding], attack: Attack, day: str) -> None:
        """Judge an attack."""
        start_s = attack.start_s if attack.frame_s is None else attack.frame_s
        hits = [each for each in told if 0 <= each.time_ns / NS - start_s <= WITHIN_S]
        self.early += any(0 <= each.time_ns / NS - attack.start_s <= WITHIN_S for each in told)
        self.kinds.update({each.kind for each in hits})
        if hits:
            self.delays.append(min(each.time_ns for each in hits) / NS - start_s)
        else:
            self.missed.append(f"{day} {attack.name} at {attack.start_s:.0f}: {_later(told, attack)}")

    def lines(self, policy: str, total: int, visible: int) -> Iterator[Line]:
        """Yield the lines of the table."""
        delays = sorted(self.delays)
        yield share(f"{policy}: attacks told within 10 s of their first frame", len(delays), total, TARGET, self.missed)
        measured = f"{self.early} of {total}; {visible} have a frame by then"
        yield Line(f"{policy}: within 10 s of the script's start", measured)
        if delays:
            middle, most = delays[len(delays) // 2], delays[int(len(delays) * 0.95)]
            yield Line(f"{policy}: delay", f"median {middle:.1f} s, 95 % {most:.1f} s")
            told = ", ".join(f"{kind} {count}" for kind, count in self.kinds.most_common(6))
            yield Line(f"{policy}: told by", told)
        yield Line(f"{policy}: alarms outside of attacks", str(len(self.between)), details=tuple(self.between))


def measure(folder: Path) -> Sequence[Line]:
    """Return how many attacks were told in time, and what was told on control days and between attacks.

    Raises:
        FileNotFoundError: there are no such captures.
    """
    where = folder / FOLDER
    attacks = _attacks(where / "intervals_utc.csv")
    captures = dict(_captures(where))
    control = [path for name, path in captures.items() if name not in attacks]
    if not control:
        raise FileNotFoundError(2, "no control day", str(where))
    days = sorted(attacks.keys() & captures.keys())
    for name in days:
        _first_frames(captures[name], attacks[name])
    every = [attack for name in days for attack in attacks[name]]
    visible = sum(each.frame_s is not None and each.frame_s - each.start_s <= WITHIN_S for each in every)
    lines: list[Line] = []
    for policy, keys in POLICIES.items():
        learned, quiet = _control(control, policy, keys)
        tally = Tally()
        for name in days:
            site = learned.learned().play(frames(captures[name]))
            told = [each for each in site.happened if loud(each)]
            for attack in attacks[name]:
                tally.take(told, attack, name.partition("_")[0])
            tally.between += _between(site.alarms, attacks[name])
        lines += [*tally.lines(policy, len(every), visible), *quiet]
    return lines


def _control(days: Sequence[Path], policy: str, keys: Mapping[str, Any]) -> tuple[Site, Sequence[Line]]:
    """Learn the beginning of each control day, and judge the rest of it."""
    lines: list[Line] = []
    site = Site(**keys)
    for path in days:
        site = Site(**keys)
        found = frames(path)
        begin = next(found)
        site.play(until(chain([begin], found), begin[1] + LEARN_NS), after_ns=0)
        site.cyber.baseline.freeze()
        known = len(site.alarms)
        site.play(found)
        alarms = site.alarms[known:]
        splices = [each for each in alarms if _splice(each)]
        wrong = tuple(_told(each) for each in alarms if not _splice(each))
        lines.append(none(f"{policy}: alarms of {path.name[:15]}, the loop of the GOOSE apart", wrong))
        lines.append(Line(f"{policy}: the loop of the replayed GOOSE", f"told of {len(splices)} publishers"))
    return site, lines


def _splice(finding: Finding) -> bool:
    return finding.kind == "goose_state" and finding.evidence.get("function") in ("st_back", "st_jump")


def _of(attack: Attack, data: memoryview) -> bool:
    """Whether a frame is one that the name of an attack asks for."""
    kind = bytes(data[12:14])
    if attack.name.startswith("MITM"):
        return kind == b"\x08\x06" and data[21] == 2
    tcp = kind == b"\x08\0" and data[23] == 6
    return tcp and (attack.name == "nmap" or DNP3 in (data[34:36], data[36:38]))


def _first_frames(path: Path, attacks: Sequence[Attack]) -> None:
    waiting = sorted(attacks, key=lambda each: each.start_s)
    for data, time_ns, *_ in frames(path):
        at_s = time_ns / NS
        while waiting and waiting[0].end_s < at_s:
            waiting.pop(0)
        if waiting and waiting[0].start_s <= at_s and _of(waiting[0], data):
            waiting.pop(0).frame_s = at_s


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


def _between(told: Sequence[Finding], attacks: Sequence[Attack]) -> Iterator[str]:
    for each in told:
        at_s = each.time_ns / NS
        if not _splice(each) and not any(one.start_s <= at_s <= one.end_s + AFTER_S for one in attacks):
            yield _told(each)


def _later(told: Sequence[Finding], attack: Attack) -> str:
    after = [each for each in told if attack.start_s <= each.time_ns / NS <= attack.end_s + AFTER_S]
    return f"{after[0].kind} after {after[0].time_ns / NS - attack.start_s:.1f} s" if after else "nothing"


def _told(finding: Finding) -> str:
    return f"{finding.time_ns / NS:.1f} {finding.severity} {finding.kind} {finding.subject}: {finding.text[:100]}"
