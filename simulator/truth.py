"""What truly happened in a scenario, and what checks should have said: the measure of recall and of false alarms."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from simulator.scenario import Scenario
from simulator.steps import Step

NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Truth:
    """One step that happened, from `begin_ns` to `end_ns`, UTC since 1970.

    `kinds` of finding are right, any of them, the most telling first; none means that it was normal, and that nothing
    may be found. `points` (BAY.QUANTITY) are wrong or show it, the foremost first; `devices` are their bays. An attack
    has a `source` and a `target`, addresses, and all of its kinds are to be found.
    """

    do: str
    text: str
    begin_ns: int
    end_ns: int
    kinds: tuple[str, ...]
    points: tuple[str, ...]
    devices: tuple[str, ...]
    source: str = ""
    target: str = ""

    @classmethod
    def of(cls, step: Step, begin_ns: int, speed: float = 1.0) -> "Truth":
        """Return the truth about `step` that begins now and lasts as long as it says, `speed` times as fast."""
        word: str = getattr(step, "do")  # noqa: B009 - every step has its own literal
        end_ns = begin_ns + round(step.for_s / speed * NS)
        return cls(word, step.text, begin_ns, end_ns, step.FINDS, step.points, step.devices)

    def line(self) -> str:
        """Return it as one line of JSON, without the line's end; times in ISO 8601."""
        return json.dumps(
            {
                "begin": _iso(self.begin_ns),
                "end": _iso(self.end_ns),
                "do": self.do,
                "text": self.text,
                "kinds": self.kinds,
                "points": self.points,
                "devices": self.devices,
                **({"source": self.source, "target": self.target} if self.source else {}),
            }
        )

    @classmethod
    def read(cls, line: str) -> "Truth":
        """Return what `line` says.

        Raises:
            ValueError: it is no such line.
        """
        told = json.loads(line)
        try:
            begin_ns, end_ns = (_ns(told[key]) for key in ("begin", "end"))
            kinds, points, devices = (tuple(told[key]) for key in ("kinds", "points", "devices"))
            source, target = told.get("source", ""), told.get("target", "")
            return cls(told["do"], told["text"], begin_ns, end_ns, kinds, points, devices, source, target)
        except (KeyError, TypeError) as error:
            raise ValueError(f"no line of a truth file: {line[:100]!r}") from error


def truths(scenario: Scenario, start_ns: int = 0) -> tuple[Truth, ...]:
    """Return what happens in one pass of `scenario` that starts at `start_ns`, at speed 1."""
    return tuple(Truth.of(step, start_ns + round(step.at_s * NS)) for step in scenario.steps)


def _iso(time_ns: int) -> str:
    second, rest = divmod(time_ns, NS)
    return f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%S}.{rest // 1_000_000:03d}Z"


def _ns(text: Any) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000) * 1_000_000
