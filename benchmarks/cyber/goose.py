"""Forged, altered and deleted GOOSE (stage2_goose, qut_zss_goose): every added frame, and none of real faults.

Both come from test beds of a substation with line faults. The gateway has learned fault-free operation, as a site
would, and knows neither faults nor attacks; it has no rules. `stage2_goose` are captures, a folder each with its label
in the name: 0 and 1xx without attack, 9xx with. `qut_zss_goose` are the fields of frames, labelled one by one.

An added frame is told when its control block has a reason for an alarm within 2 s of it: the tap tells at once what is
new and once a second what comes again. A deleted trip is told when there is one within 2 s of the first message after
it. Deleted trips are also made here, of real faults: the first `LEFT_OUT` messages of each new state do not come.

What a relay under another's control says with numbers and times as they should be is no forgery on the wire: altered
messages are measured without a target.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from feed import NS, Site, frames, loud
from lines import Line, none, share
from rebuilt import Labelled, scenarios

from detectors.model import Finding
from protocols.tap.capture.source import Captured
from protocols.tap.goose.pdu import Pdu, parse

WITHIN_NS = 2 * NS
LEFT_OUT = 40
"""Messages, as in the scenarios 871 to 873 of qut_zss_goose."""
BENIGN, ADDED, ALTERED, DELETED = "benign", "added", "altered", "deleted"
STAGE2 = {901: ADDED, 903: ADDED, 905: ADDED, 907: ADDED, 902: ALTERED, 904: ALTERED, 906: ALTERED, 908: ALTERED}
ZSS = {"81": ADDED, "83": ADDED, "85": ADDED, "82": ALTERED, "84": ALTERED, "86": ALTERED, "87": DELETED}
"""What the first two figures of a label stand for."""


@dataclass
class Scores:
    """What is summed up over the captures of one collection."""

    added: int = 0
    found: int = 0
    trips: int = 0
    noticed: int = 0
    altered: int = 0
    told: int = 0
    quiet: int = 0
    missed: list[str] = field(default_factory=list)
    late: list[str] = field(default_factory=list)
    unseen: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def lines(self, name: str) -> Iterator[Line]:
        """Yield the lines of the table."""
        yield share(f"{name}: added frames", self.found, self.added, details=self.missed)
        yield share(f"{name}: deleted trips", self.noticed, self.trips, details=self.late)
        yield none(f"{name}: alarms without attack, in {self.quiet} captures or parts", self.wrong)
        measured = f"{self.told} of {self.altered} captures told"
        yield Line(f"{name}: altered by the relay itself", measured, details=self.unseen)


def measure(folder: Path) -> Sequence[Line]:
    """Return what was found of both collections.

    Raises:
        FileNotFoundError: one is not there.
    """
    return [*_measured("stage2_goose", _stage2(folder)), *_measured("qut_zss_goose", _zss(folder))]


Scenario = tuple[str, str, Sequence[Labelled]]
"""Name, what kind it is, and its frames."""


def _measured(name: str, found: Iterable[Scenario]) -> Iterator[Line]:
    every = sorted(found, key=lambda scenario: (scenario[1] != BENIGN, scenario[0]))
    scores, site = Scores(), Site().play(_captured(every[0][2]))
    for title, kind, messages in every[1:]:
        _score(scores, site.learned(), title, kind, messages)
        if kind == BENIGN:
            _score(scores, site.learned(), f"{title}, trips left out", DELETED, _left_out(messages))
    yield from scores.lines(name)


def _score(scores: Scores, site: Site, title: str, kind: str, messages: Sequence[Labelled]) -> None:
    site.play(_captured(messages))
    reasons = defaultdict[str, list[int]](list)
    for each in site.happened:
        if loud(each):
            reasons[each.subject].append(each.time_ns)
    attacked = [each for each in messages if each.label[:1] in "89" and each.label != "0"]
    if kind == ADDED:
        missed = [each for each in attacked if not _near(reasons[_subject(each)], each.time_ns)]
        scores.added, scores.found = scores.added + len(attacked), scores.found + len(attacked) - len(missed)
        if missed:
            first_s = missed[0].time_ns / NS
            scores.missed.append(f"{title}: {len(missed)} of {len(attacked)}, the first at {first_s:.2f}")
    elif kind == DELETED:
        for each in _after_gap(messages):
            scores.trips += 1
            told = _near(reasons[_subject(each)], each.time_ns)
            scores.noticed += told
            scores.late += [] if told else [f"{title}: {each.time_ns / NS:.2f} {each.ref}"]
    elif kind == ALTERED:
        scores.altered, scores.told = scores.altered + 1, scores.told + bool(site.alarms)
        scores.unseen += [] if site.alarms else [title]
    if kind in (BENIGN, ADDED):
        began_ns = attacked[0].time_ns if attacked else messages[-1].time_ns + 10 * NS
        scores.quiet += 1
        scores.wrong += [f"{title}: {_told(each)}" for each in site.alarms if each.time_ns < began_ns - WITHIN_NS]


def _near(times: Sequence[int], time_ns: int) -> bool:
    return any(abs(each - time_ns) <= WITHIN_NS for each in times)


def _captured(messages: Iterable[Labelled]) -> Iterator[Captured]:
    for each in messages:
        yield memoryview(each.frame), each.time_ns, 0, len(each.frame)


def _subject(message: Labelled) -> str:
    return message.ref.replace("/", ".")


def _left_out(messages: Sequence[Labelled]) -> Sequence[Labelled]:
    """Return what is left when the first messages of each state but the first do not come."""
    kept, states = list[Labelled](), dict[str, tuple[int, int]]()
    for each in messages:
        pdu = _pdu(each.frame)
        if pdu is None:
            kept.append(each)
            continue
        was, left = states.get(each.ref, (pdu.st, 0))
        if pdu.st != was:
            left = LEFT_OUT
        states[each.ref] = pdu.st, max(left - 1, 0)
        if not left:
            kept.append(each)
    return kept


def _after_gap(messages: Sequence[Labelled]) -> Iterator[Labelled]:
    """Yield the first message of each state of which the beginning did not come."""
    states = dict[str, int]()
    for each in messages:
        pdu = _pdu(each.frame)
        if pdu is not None:
            if states.setdefault(each.ref, pdu.st) != pdu.st and pdu.sq > 1:
                yield each
            states[each.ref] = pdu.st


def _pdu(frame: bytes) -> Pdu | None:
    """Return what a frame says; None when it is no GOOSE."""
    kind = 16 if frame[12:14] == b"\x81\0" else 12
    return parse(frame[kind + 2 :]) if frame[kind : kind + 2] == b"\x88\xb8" else None


# the two collections


def _zss(folder: Path) -> Iterator[Scenario]:
    where = folder / "qut_zss_goose"
    tables = sorted(where.glob("*.csv.gz"))
    if not tables:
        raise FileNotFoundError(2, "no table", str(where))
    for table in tables:
        for name, messages in scenarios(table):
            yield name, ZSS.get(name[:2], BENIGN), messages


def _stage2(folder: Path) -> Iterator[Scenario]:
    where = folder / "stage2_goose"
    captures = sorted(where.glob("*/*.pcap*"))
    if not captures:
        raise FileNotFoundError(2, "no captures", str(where))
    for path in captures:
        label = re.search(r"(?:^|_)(\d{3})(?=_|$)", path.parent.name)
        number = int(label[1]) if label else 0
        messages = [(bytes(data), time_ns) for data, time_ns, _, _ in frames(path)]
        yield (
            path.parent.name,
            STAGE2.get(number, BENIGN),
            _labelled(messages, STAGE2.get(number) == ADDED, str(number)),
        )


def _labelled(messages: Sequence[tuple[bytes, int]], added: bool, label: str) -> Sequence[Labelled]:  # noqa: FBT001
    """Label frames by the description of the attacks, which all add to the messages of one publisher.

    Added is what comes from a second source; of several messages of one state those that repeat the values before it;
    of those that differ from the first message of the first state in values or in time, all.
    """
    read = [(data, time_ns, _pdu(data)) for data, time_ns in messages]
    states = defaultdict[tuple[bytes, int], dict[tuple[bytes, bytes], None]](dict)
    owners = dict[bytes, bytes]()
    for data, _, pdu in read:
        if pdu is not None and owners.setdefault(pdu.ref, data[6:12]) == data[6:12]:
            states[pdu.ref, pdu.st].setdefault((pdu.t, pdu.data))
    found = []
    for data, time_ns, pdu in read:
        if pdu is None:
            found.append(Labelled(time_ns, data, "", "0"))
        else:
            own = owners[pdu.ref] == data[6:12] and not _second((pdu.t, pdu.data), pdu.ref, pdu.st, states)
            found.append(Labelled(time_ns, data, pdu.ref.decode(), "0" if own or not added else label))
    return found


def _second(
    said: tuple[bytes, bytes],
    ref: bytes,
    st: int,
    states: dict[tuple[bytes, int], dict[tuple[bytes, bytes], None]],
) -> bool:
    variants = list(states.get((ref, st), ()))
    if len(variants) < 2:
        return False
    before = states.get((ref, st - 1))
    if before and len({data for _, data in variants}) > 1:
        return said[1] == next(iter(before))[1]
    return said != variants[0]


def _told(finding: Finding) -> str:
    return f"{finding.time_ns / NS:.1f} {finding.severity} {finding.kind} {finding.subject}: {finding.text[:90]}"
