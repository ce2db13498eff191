"""What is normal here, learned, shown to people and kept: who is there, who talks to whom, what each device says it is.

A fact belongs to a check and has a key. While a check learns, what it sees becomes normal; then it is frozen, and what
is new waits for a person who approves it. A fact may have a value, such as the firmware of a device: then another value
waits, and the old one stays normal.

Learning begins with what is first seen of a view, our own conversations or the wire, for all checks at once: what a
check sees for the first time only months later, such as a first write, is not learned but told.

Bounded: the facts of a check are `FACTS_MAX`, of which the one not seen for longest goes while it learns, and none
afterwards; those that wait are `WAITING_MAX`, and push out only one another.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, Final, Literal

FACTS_MAX: Final = 2048
"""Facts of one check: a substation has some dozens of talkers and pairs."""
WAITING_MAX: Final = 256
"""Facts of one check that wait for approval: more is a flood, of which nobody approves anything."""
VALUE_MAX: Final = 256
"""Characters of a value, or of a key, that are kept."""

Verdict = Literal["known", "learned", "new", "changed"]
View = Literal["own", "wire"]
VIEWS: Final[tuple[View, ...]] = ("own", "wire")
ANEW: Final = -1
"""Since when a check learns that shall begin with what is seen next."""


@dataclass(slots=True)
class Fact:
    """One thing that is normal, or that waits. Times in UTC nanoseconds."""

    check: str
    key: str
    value: str
    first_ns: int
    last_ns: int
    count: int = 1
    by: str = ""
    """Who approved it; empty for what was learned."""


class Baseline:
    """The facts of one gateway. `learn_ns` is how long is learned; `forgotten` counts what found no room."""

    def __init__(self, learn_ns: int, *, frozen: bool = False) -> None:
        self.learn_ns, self.frozen = learn_ns, frozen
        self.forgotten = 0
        self._facts: dict[str, dict[str, Fact]] = {}
        self._waiting: dict[str, dict[str, Fact]] = {}
        self._since: dict[str, int] = {}

    def begin(self, view: View, now_ns: int) -> None:
        """Something is seen of a view: the first of each begins the learning of all checks."""
        if view not in self._since:
            self._since[view] = now_ns

    def learning(self, check: str, now_ns: int) -> bool:
        """Return whether `check` still takes what it sees as normal."""
        return not self.frozen and 0 <= now_ns - self._began(check, now_ns) < self.learn_ns

    def share(self, check: str, now_ns: int) -> float:
        """Return how much of its learning a check has done, 0 to 1; 0 when nothing was seen yet."""
        if self.frozen:
            return 1.0
        return min(1.0, max(0.0, (now_ns - self._began(check, now_ns)) / max(self.learn_ns, 1)))

    def _began(self, check: str, now_ns: int) -> int:
        """Return since when it learns; `relearn` has begun some checks later than all."""
        since = self._since
        if since.get(check) == ANEW:
            since[check] = now_ns
        return max((since[each] for each in (*VIEWS, check) if each in since), default=now_ns)

    def meet(
        self, check: str, key: str, now_ns: int, value: str = "", *, first_use: bool = False, signed: bool = False
    ) -> Verdict:
        """Say how it is with a fact, and learn it while `check` learns.

        `first_use` takes the first value of a key as normal at any time: so a device that is added tells who it is.
        `signed` is for what nobody may learn in silence: any other value waits for a person, also while `check` learns.
        """
        key, value = key[:VALUE_MAX], value[:VALUE_MAX]
        facts = self._facts.setdefault(check, {})
        learning = not signed and self.learning(check, now_ns)
        fact = facts.pop(key, None)
        if fact is not None:
            facts[key] = fact
            if fact.value == value or learning:
                changed = fact.value != value
                fact.value, fact.last_ns, fact.count = value, now_ns, fact.count + 1
                if changed:
                    self._waits_no_more(check, key)
                return "learned" if changed else "known"
            self._wait(check, key, value, now_ns)
            return "changed"
        if learning or (first_use and len(facts) < FACTS_MAX):
            facts[key] = Fact(check, key, value, now_ns, now_ns)
            self._shorten(facts, FACTS_MAX)
            self._waits_no_more(check, key)
            return "learned"
        self._wait(check, key, value, now_ns)
        return "new"

    def follow(self, check: str, key: str, now_ns: int, value: str) -> None:
        """Keep a value that changes by itself, such as one that drifts: it is normal as it is."""
        facts, key = self._facts.setdefault(check, {}), key[:VALUE_MAX]
        fact = facts.pop(key, None) or Fact(check, key, "", now_ns, now_ns, 0)
        fact.value, fact.last_ns, fact.count = value[:VALUE_MAX], now_ns, fact.count + 1
        facts[key] = fact
        self._shorten(facts, FACTS_MAX)

    def fact(self, check: str, key: str) -> Fact | None:
        """Return what is normal under a key."""
        return self._facts.get(check, {}).get(key[:VALUE_MAX])

    def knows(self, check: str, key: str) -> bool:
        """Return whether a fact is normal, without learning anything."""
        return key[:VALUE_MAX] in self._facts.get(check, {})

    def value(self, check: str, key: str) -> str:
        """Return the value of a fact that is normal; empty when there is none."""
        fact = self._facts.get(check, {}).get(key[:VALUE_MAX])
        return fact.value if fact else ""

    def stands(self, check: str, key: str, normal: str | None) -> bool:
        """Return whether what contradicts a fact does so still: `normal` is its value as it was, None without one.

        Where there was none, what contradicts it waits: to be approved, and no longer once it is forgotten.
        """
        key = key[:VALUE_MAX]
        fact = self._facts.get(check, {}).get(key)
        if fact is None:
            return normal is None and key in self._waiting.get(check, {})
        return fact.value == normal

    def number(self, check: str, key: str) -> float:
        """Return the value of a fact that is a number; 0 when there is none."""
        try:
            number = float(self.value(check, key) or 0)
        except ValueError:
            return 0.0
        return number if isfinite(number) else 0.0

    def facts(self) -> Iterator[Fact]:
        """Yield what is normal."""
        for facts in self._facts.values():
            yield from facts.values()

    def waiting(self) -> Iterator[Fact]:
        """Yield what waits for approval."""
        for facts in self._waiting.values():
            yield from facts.values()

    def approve(self, check: str, key: str, *, by: str, now_ns: int) -> Fact | None:
        """Make what waits normal; return it, None when nothing of that name waits."""
        fact = self._waiting.get(check, {}).pop(key[:VALUE_MAX], None)
        if fact is None:
            return None
        fact.by, fact.last_ns = by, now_ns
        facts = self._facts.setdefault(check, {})
        facts.pop(fact.key, None)
        facts[fact.key] = fact
        self._shorten(facts, FACTS_MAX)
        return fact

    def freeze(self) -> None:
        """Learn nothing more."""
        self.frozen = True

    def relearn(self, check: str | None = None) -> None:
        """Forget what is normal, of one check or of all, and learn anew from what is seen next."""
        self.frozen = False
        if check is None:
            self._facts, self._waiting, self._since = {}, {}, {}
            return
        self._facts.pop(check, None)
        self._waiting.pop(check, None)
        self._since[check] = ANEW

    def told(self) -> Mapping[str, Any]:
        """Return all of it as JSON has it, for `take_up`."""
        return {
            "v": 1,
            "frozen": self.frozen,
            "since": dict(self._since),
            "facts": [_told(fact) for fact in self.facts()],
            "waiting": [_told(fact) for fact in self.waiting()],
        }

    def take_up(self, told: Mapping[str, Any]) -> None:
        """Put back what `told` returned; nothing is changed when it is not that.

        Raises:
            ValueError: it is not a baseline of this version.
        """
        try:
            version = told["v"]
            facts, waiting = _grouped(told["facts"]), _grouped(told["waiting"])
            since = {str(check): int(since_ns) for check, since_ns in told["since"].items()}
            frozen = bool(told["frozen"])
        except (LookupError, TypeError, AttributeError, ValueError, OverflowError) as error:
            raise ValueError(f"not a baseline: {error!r}") from None
        if version != 1:
            raise ValueError(f"a baseline of version {version!r}, not 1")
        for each in facts.values():
            self._shorten(each, FACTS_MAX)
        for each in waiting.values():
            self._shorten(each, WAITING_MAX)
        self._facts, self._waiting, self._since = facts, waiting, since
        self.frozen = self.frozen or frozen

    def _wait(self, check: str, key: str, value: str, now_ns: int) -> None:
        waiting = self._waiting.setdefault(check, {})
        fact = waiting.pop(key, None)
        if fact is None:
            fact = Fact(check, key, value, now_ns, now_ns, 0)
        fact.value, fact.last_ns, fact.count = value, now_ns, fact.count + 1
        waiting[key] = fact
        self._shorten(waiting, WAITING_MAX)

    def _waits_no_more(self, check: str, key: str) -> None:
        self._waiting.get(check, {}).pop(key, None)

    def _shorten(self, facts: dict[str, Fact], most: int) -> None:
        while len(facts) > most:
            del facts[next(iter(facts))]
            self.forgotten += 1


def _told(fact: Fact) -> Sequence[Any]:
    return [fact.check, fact.key, fact.value, fact.first_ns, fact.last_ns, fact.count, fact.by]


def _grouped(told: Sequence[Sequence[Any]]) -> dict[str, dict[str, Fact]]:
    grouped: dict[str, dict[str, Fact]] = {}
    for check, key, value, first_ns, last_ns, count, by in told:
        fact = Fact(str(check), str(key), str(value), int(first_ns), int(last_ns), int(count), str(by))
        grouped.setdefault(fact.check, {})[fact.key] = fact
    return grouped
