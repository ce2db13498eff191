"""What every point is driven to, step by step: the ends of its range, and values that no other point has.

Two points that are exchanged, by an address or a name, must show it. So every number has values of its own within the
range of its type, and every state a pattern of its own of off and on: between any two points some step differs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gateway.fat.subject import FLOATS, SIGNED, Subject
from protocols.model import Quality

LOW, MIDDLE, HIGH, NEGATIVE, OWN = "low end", "middle", "high end", "negative", "own value"
NUMBER_STEPS = 5
MIDDLE_WINDOW, OWN_WINDOW, NEGATIVE_WINDOW = (0.35, 0.65), (0.66, 0.98), (0.02, 0.34)
"""Shares of the range in which each point has a value of its own; the lower half of a signed one is negative."""
STATES = {"bool": ("off", "on"), "switch": ("off", "on"), "dbpos": ("intermediate", "off", "on", "bad")}
CONTRADICTORY = Quality.QUESTIONABLE | Quality.INCONSISTENT
"""What is said of a DNP3 double-bit input whose contacts contradict each other."""


@dataclass(frozen=True, slots=True)
class Drive:
    """What a point is set to in one step: the test it is, the value in its unit, and the quality to be told."""

    test: str
    value: float
    quality: int = 0


def plan(subjects: Sequence[Subject]) -> dict[str, list[Drive]]:
    """Return the steps of every point that can be driven, by its name; equally many for each."""
    driven = [subject for subject in subjects if not subject.why_not]
    states = [subject for subject in driven if subject.is_state]
    bits = _bits(len(states))
    double = 2 if any(subject.kind == "dbpos" for subject in states) else 0
    steps = max(NUMBER_STEPS, bits + double if states else 0)
    codes = {subject.name: code for code, subject in enumerate(states, 1)}
    return {
        subject.name: _pattern(subject, codes[subject.name], bits, steps)
        if subject.is_state
        else _numbers(subject, number, len(driven), steps)
        for number, subject in enumerate(driven)
    }


def steps_of(planned: Mapping[str, Sequence[Drive]]) -> int:
    """Return how many steps there are."""
    return max(map(len, planned.values()), default=0)


def _bits(count: int) -> int:
    """Return how many steps tell `count` states apart, each of which is off and on in them at least once."""
    bits = 2
    while 2**bits - 2 < count:
        bits += 1
    return bits


def _pattern(subject: Subject, code: int, bits: int, steps: int) -> list[Drive]:
    raws = [code >> step % bits & 1 for step in range(steps)]
    if subject.kind == "dbpos":  # off is 1 and on is 2; then the two states that no breaker should have
        raws = [*(raw + 1 for raw in raws[:-2]), 0, 3]
    words = STATES[subject.kind]
    return [Drive(words[raw], subject.value(raw), CONTRADICTORY if _contradicts(subject, raw) else 0) for raw in raws]


def _contradicts(subject: Subject, raw: int) -> bool:
    return subject.kind == "dbpos" and raw == 3 and subject.address.startswith("double:")


def _numbers(subject: Subject, number: int, count: int, steps: int) -> list[Drive]:
    low, high = subject.ends
    middle = _own(subject, MIDDLE_WINDOW, number, count)
    own = _own(subject, OWN_WINDOW, _second(subject, number, count), count)
    raws = [(LOW, low), (MIDDLE, middle), (HIGH, high)]
    if subject.kind in SIGNED or subject.kind in FLOATS:
        raws.append((NEGATIVE, _own(subject, NEGATIVE_WINDOW, number, count)))
    raws.append((OWN, own))
    raws += [raws[-1]] * (steps - len(raws))
    return [Drive(test, subject.value(raw)) for test, raw in raws]


def _window(subject: Subject, window: tuple[float, float]) -> tuple[float, float]:
    low, high = subject.ends
    return low + window[0] * (high - low), low + window[1] * (high - low)


def _own(subject: Subject, window: tuple[float, float], number: int, count: int) -> float:
    """Return the raw number of the point `number` of `count`: evenly spread, or again and again in a small range."""
    low, high = _window(subject, window)
    if subject.kind in FLOATS:
        return low + (high - low) * (number + 0.5) / count
    room = int(high) - int(low)
    return int(low) + (room * number // count if room >= count else number % room)


def _second(subject: Subject, number: int, count: int) -> int:
    """Return the place of the second value of its own: in reverse, or such that the pair of both is its own."""
    low, high = _window(subject, MIDDLE_WINDOW)
    room = int(high) - int(low)
    return count - 1 - number if subject.kind in FLOATS or room >= count else number // room + number
