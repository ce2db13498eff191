"""The annunciator: takes what detectors find into the alarms, and decides what of it is said now.

    finding ──► Alarms ──► came anew? ──► chattering already ────────────────► kept
                              │──► its cause is known by design ─────────────► kept, state suppressed
                              │──► a flood lasts, and it is not critical ────► kept, told in the summary
                              └──► otherwise ────────────────────────────────► said

Nothing is hidden from the alarms: each has its state and count whatever is said of it. So upstream never knows anything
wrong of an alarm but what its last message announced: that it chatters, is suppressed, or that a flood has begun. What
is kept is written to disk within KEEP_NS. An alarm that came and went before anybody was told of it needs no
acknowledgement: it is counted, and normal.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from detectors.kept import Kept, State
from detectors.model import Finding, Severity
from gateway.core.alarms import Alarms
from gateway.core.chatter import Chatter
from gateway.core.flood import FLOOD, FLOOD_ALARM, Flood
from gateway.core.image import Image
from gateway.core.incidents import Incidents
from gateway.core.messages import Alarm, AlarmState, Unsaid
from gateway.core.rates import Rates
from gateway.core.rules import AlarmRules
from gateway.core.suppressed import Suppressed
from gateway.core.suppression import SUPPRESSION, Suppression
from protocols.model import GATEWAY
from protocols.points import Points

VERSION = 1
KEEP_NS = 10_000_000_000
"""How often what is not said is written to disk: a kill costs counts of ten seconds, and a memory card is spared."""
RELEASED_AT_ONCE = 10
"""Alarms told with one tick after a flood, the worst first: 40 a second, so that their end is no flood of messages."""
PARTS = ("chatter", "flood", "incidents", "rates", "suppressed")
OWN = (FLOOD, SUPPRESSION)
"""The words of its own findings."""

Told = list[Alarm | Unsaid]


class Annunciator(Kept):
    """Chatter, suppression, incidents, flood and rates of one set of alarms."""

    OF_POINTS = False

    def __init__(self, alarms: Alarms, points: Points, image: Image, rules: AlarmRules) -> None:
        self._alarms, self._points, self._image, self._rules = alarms, points, image, rules
        self.chatter, self.flood, self.rates = Chatter(rules), Flood(rules), Rates()
        self.incidents, self.suppressed = Incidents(alarms.naming, rules), Suppressed(rules)
        self._design = Suppression(alarms, points, image) if rules.suppression == "by_design" else None
        self._withheld: dict[str, None] = {}
        self._unsaid: dict[str, Alarm] = {}
        self._kept_ns = self._tick_ns = 0

    def observe(self, finding: Finding) -> Sequence[Alarm]:
        """Return what is to be said now that this was found."""
        before = self._alarms.get(self._alarms.naming.id(finding))
        return [
            said for alarm in self._alarms.observe(finding) for said in self._turned(before, alarm, finding.time_ns)
        ]

    def tick(self, now_ns: int) -> Sequence[Alarm | Unsaid]:
        """Return what time alone makes worth saying."""
        said: Told = [*self._alarms.tick(now_ns)]
        if self.chatter:
            said += self._chattering(now_ns)
        if self.suppressed or (self._design and self._design.told_dead):
            said += self._causes(now_ns)
        if self.flood.active:
            said += self._flooding(now_ns)
        elif self._withheld:
            said += self._released(now_ns)
        self._tick_ns = now_ns
        if self._unsaid and not 0 <= now_ns - self._kept_ns < KEEP_NS:
            said += self.flush(now_ns)
        return said

    def flush(self, now_ns: int) -> Sequence[Unsaid]:
        """Return what is to be kept of alarms of which nothing was said."""
        kept, self._unsaid, self._kept_ns = self._unsaid, {}, now_ns
        alarms = (self._alarms.get(id_) or alarm for id_, alarm in kept.items())
        return [Unsaid(alarm) for alarm in alarms if self._alarms.get(alarm.id) or alarm.state is AlarmState.NORMAL]

    def step(self, now_ns: int, by_ns: int) -> Sequence[Alarm]:
        """The clock was set: every delay is as long as it was."""
        for part in (self.chatter, self.flood, self.incidents, self.rates, self.suppressed):
            part.step(by_ns)
        self._tick_ns += by_ns
        return self._alarms.step(now_ns, by_ns)

    def resume(self, own: Iterable[Finding]) -> Sequence[Finding]:
        """Take up the alarms of before, after `restore`; return those of its `own` findings that it watches."""
        self.chatter.only({alarm.id for alarm in self._alarms if alarm.chattering})
        for alarm in self._alarms:
            self._take_up(alarm)
        self.incidents.resume(self._alarms)
        words: dict[str, list[Finding]] = {word: [] for word in OWN}
        for finding in own:
            words[finding.detector].append(finding)
        dead = self._design.resume(words[SUPPRESSION]) if self._design else ()
        summary = self._alarms.get(FLOOD_ALARM)
        self.flood.resume(summary.last_ns if summary and summary.active else None)
        return [*words[FLOOD], *dead]

    def forget(self, alarms: Iterable[Alarm]) -> None:
        """Let go of alarms that nobody watches any more."""
        for alarm in alarms:
            self.chatter.forget(alarm.id)
            self._let_go(alarm)

    def state(self) -> State:
        """Return what must survive a restart and stands in no alarm: `told`, uint8[n] of JSON."""
        parts = {name: getattr(self, name).state() for name in PARTS}
        told = json.dumps({"v": VERSION, "tick_ns": self._tick_ns, **parts}, separators=(",", ":")).encode()
        return {"told": np.frombuffer(told, np.uint8)}

    def restore(self, state: State) -> None:
        """Take up what `state` told.

        Raises:
            ValueError: it is none; nothing is changed.
        """
        try:
            self._restore(json.loads(state["told"].tobytes()))
        except (TypeError, LookupError, AttributeError, RecursionError, OverflowError) as error:
            raise ValueError(f"no state of alarms: {error!r}") from error

    def _restore(self, told: Any) -> None:
        if told["v"] != VERSION:
            raise ValueError(f"version {told['v']}, not {VERSION}")
        fresh = Annunciator(self._alarms, self._points, self._image, self._rules)
        for name in PARTS:
            getattr(fresh, name).restore(told[name])
        self._tick_ns = int(told["tick_ns"])
        vars(self).update({name: getattr(fresh, name) for name in PARTS})

    def _take_up(self, alarm: Alarm) -> None:
        if alarm.chattering:
            self.chatter.adopt(alarm.id, alarm.severity.rank, alarm.last_ns)
        if alarm.suppressed_by:
            self.suppressed.add(alarm.id, alarm.suppressed_by)
        if alarm.withheld:
            self._withheld[alarm.id] = None

    def _turned(self, before: Alarm | None, alarm: Alarm, now_ns: int) -> Sequence[Alarm]:
        if not alarm.active:
            return self._went(alarm, now_ns)
        if before is None or not before.active:
            return self._came(alarm, now_ns)
        return self._changed(before, alarm, now_ns)

    def _came(self, alarm: Alarm, now_ns: int) -> Sequence[Alarm]:
        rank = alarm.severity.rank
        self.rates.raised(alarm.id, now_ns)
        begins = self.chatter.came(alarm.id, rank, now_ns)
        if alarm.chattering:
            return self._worse(alarm)
        incident, first_out = self.incidents.join(alarm, now_ns)
        first_out |= alarm.first_out and alarm.incident == incident
        alarm = self._alarms.mark(alarm, incident=incident, first_out=first_out)
        alarm = self._latched(alarm, now_ns) if begins else alarm
        cause, said = self._cause(alarm, now_ns)
        return [*said, *(self._suppress(alarm, cause) if cause else self._announce(alarm, now_ns))]

    def _changed(self, before: Alarm, alarm: Alarm, now_ns: int) -> Sequence[Alarm]:
        """It is worse or better than before, or of other points."""
        rank = alarm.severity.rank
        alarm = self._latched(alarm, now_ns) if self.chatter.came(alarm.id, rank, now_ns) else alarm
        if alarm.withheld and rank >= Severity.CRITICAL.rank > before.severity.rank:
            return self._announce(self._alarms.mark(alarm, withheld=False), now_ns)
        return self._worse(alarm) if before.chattering else self._told(alarm)

    def _worse(self, alarm: Alarm) -> Sequence[Alarm]:
        """Say of a chattering alarm that it is worse than it ever was."""
        rank = alarm.severity.rank
        if alarm.suppressed_by or (alarm.withheld and rank < Severity.CRITICAL.rank):
            return self._keep(alarm)
        worse = self.chatter.worse(alarm.id, rank)
        return self._say(self._alarms.mark(alarm, withheld=False)) if worse else self._keep(alarm)

    def _told(self, alarm: Alarm) -> Sequence[Alarm]:
        """Say it, unless it is one that nobody is told of now."""
        return self._keep(alarm) if alarm.withheld or alarm.suppressed_by else self._say(alarm)

    def _went(self, alarm: Alarm, now_ns: int) -> Sequence[Alarm]:
        self.chatter.went(alarm.id, now_ns)
        return self._keep(alarm) if alarm.chattering else self._over(alarm)

    def _over(self, alarm: Alarm) -> Sequence[Alarm]:
        """An alarm returned, and does not chatter: what was suppressed, or never told, needs no acknowledgement."""
        suppressed = bool(alarm.suppressed_by)
        if not suppressed and not alarm.withheld:
            return self._say(alarm)
        self._let_go(alarm)
        acked = alarm.acked or suppressed or not alarm.told
        alarm = self._alarms.mark(alarm, suppressed_by="", withheld=False, acked=acked)
        return self._say(alarm) if suppressed and alarm.told else self._keep(alarm)

    def _announce(self, alarm: Alarm, now_ns: int) -> Sequence[Alarm]:
        """Say an alarm that came, unless a flood lasts in which it is one of many."""
        if alarm.shelved_until_ns or alarm.device == GATEWAY:
            return self._say(alarm)
        begins = self.flood.came(alarm, self.incidents.bay(alarm), now_ns)
        summary = self._alarms.observe(self.flood.finding(now_ns, active=True)) if begins else ()
        said = [each for one in summary for each in self._say(one)]
        if self.flood.active and alarm.severity.rank < Severity.CRITICAL.rank:
            self.flood.withheld += 1
            self._withheld[alarm.id] = None
            return [*said, *self._keep(self._alarms.mark(alarm, withheld=True))]
        self.rates.told(now_ns)
        return [*self._say(alarm), *said]

    def _cause(self, alarm: Alarm, now_ns: int) -> tuple[str, Sequence[Alarm]]:
        """Return the alarm that suppresses this one, and what is to be said of that."""
        if self._design is None:
            return "", ()
        bus = self._design.bus(alarm)
        if not bus or self._design.dead(bus) is not True:
            if bus:
                self.suppressed.low(alarm.id, now_ns)
            return self._design.link(alarm), ()
        cause = self._design.id(bus)
        return cause, () if self._design.holds(cause) else self.observe(self._design.began(bus, now_ns))

    def _suppress(self, alarm: Alarm, cause: str) -> Sequence[Alarm]:
        self._withheld.pop(alarm.id, None)
        self.suppressed.add(alarm.id, cause)
        alarm = self._alarms.mark(alarm, suppressed_by=cause, withheld=False)
        return self._say(alarm) if alarm.told else self._keep(alarm)

    def _causes(self, now_ns: int) -> Iterator[Alarm]:
        """Suppress what was seen before its cause, and let out what has none any more."""
        if self._design:
            yield from self._seen_before(self._design, now_ns)
            for finding in self._design.ended(now_ns):
                yield from self.observe(finding)
        holds = self._design.holds if self._design else _never
        for id_, cause in self.suppressed.let_out(holds, now_ns):
            alarm = self._alarms.get(id_)
            if alarm is not None and alarm.suppressed_by == cause:
                yield from self._announce(self._alarms.mark(alarm, suppressed_by=""), now_ns)

    def _seen_before(self, design: Suppression, now_ns: int) -> Iterator[Alarm]:
        for id_ in self.suppressed.lately_low(now_ns):
            alarm = self._alarms.get(id_)
            if alarm is not None and alarm.active and design.dead(design.bus(alarm)):
                cause, said = self._cause(alarm, now_ns)
                yield from (*said, *self._suppress(alarm, cause))

    def _chattering(self, now_ns: int) -> Iterator[Alarm]:
        for id_, words in self.chatter.calmed(now_ns):
            if calm := self._alarms.get(id_):
                yield from self._calmed(calm, words)
        for id_ in self.chatter.due(now_ns):
            if due := self._alarms.get(id_):
                yield from self._told(self._latched(due, now_ns))

    def _calmed(self, alarm: Alarm, words: str) -> Sequence[Alarm]:
        alarm = self._alarms.mark(alarm, chattering=False, text=f"{_bare(alarm.text)} ({words})")
        return self._told(alarm) if alarm.active else self._over(alarm)

    def _latched(self, alarm: Alarm, now_ns: int) -> Alarm:
        words = self.chatter.words(alarm.id, now_ns)
        return self._alarms.mark(alarm, chattering=True, text=f"{_bare(alarm.text)} ({words})")

    def _flooding(self, now_ns: int) -> Iterator[Alarm]:
        self.rates.flooded(now_ns - self._tick_ns if self._tick_ns else 0, now_ns)
        if self.flood.over(now_ns):
            ended = self.flood.finding(now_ns, active=False, standing=len(self._standing()))
            for alarm in self._alarms.observe(ended):
                yield from self._say(self._alarms.mark(alarm, evidence=ended.evidence))
        elif self.flood.due(now_ns) and (summary := self._alarms.get(FLOOD_ALARM)):
            anew = self.flood.finding(now_ns, active=True, standing=len(self._standing()))
            yield from self._say(self._alarms.mark(summary, text=anew.text, evidence=anew.evidence, value=anew.actual))

    def _released(self, now_ns: int) -> Iterator[Alarm]:
        """Say what stands although the flood is over, the worst first."""
        alarms = sorted(self._standing(), key=lambda alarm: (-alarm.severity.rank, alarm.first_ns, alarm.id))
        for alarm in alarms[:RELEASED_AT_ONCE]:
            self.rates.told(now_ns)
            yield from self._say(self._alarms.mark(alarm, withheld=False))
        self._withheld = dict.fromkeys(alarm.id for alarm in alarms[RELEASED_AT_ONCE:])

    def _standing(self) -> list[Alarm]:
        """Return what is withheld now: a command, or getting worse, may have told of it since."""
        return [alarm for id_ in self._withheld if (alarm := self._alarms.get(id_)) and alarm.withheld]

    def _let_go(self, alarm: Alarm) -> None:
        self._withheld.pop(alarm.id, None)
        self.suppressed.discard(alarm)

    def _say(self, alarm: Alarm) -> Sequence[Alarm]:
        self._unsaid.pop(alarm.id, None)
        return [alarm if alarm.told else self._alarms.mark(alarm, told=True)]

    def _keep(self, alarm: Alarm) -> Sequence[Alarm]:
        self._unsaid[alarm.id] = alarm
        return ()


def _never(_cause: str) -> bool:
    return False


def _bare(text: str) -> str:
    """Return a text without what was said of its chattering before."""
    return text.partition(" (chattering: ")[0]
