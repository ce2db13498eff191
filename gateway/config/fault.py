"""What is wrong in a configuration file: where it stands, and one line that the operator can act upon."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass

from protocols.settings import Path

PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
MAX_TEXT = 1000
"""Longest text of a fault in characters; a longer one quotes a value that nobody would read to its end."""


MAX_FAULTS = 10_000
"""Most faults that are named at once: a mistake in every point of a large gateway is one mistake."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. `line` and `column` count from 1; `path` is as `dotted` writes it."""

    file: str
    line: int
    column: int
    path: str
    text: str

    def __str__(self) -> str:
        text = self.text if len(self.text) <= MAX_TEXT else self.text[:MAX_TEXT] + "…"
        return _one_line(f"{self.file}:{self.line}:{self.column}: {self.path}: {text}")


class ConfigError(Exception):
    """The operator must react: `faults` are all that is wrong, sorted by file and line."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = faults


class Faults:
    """Collects faults up to a bound; takes no more than it keeps, so what would only be dropped is never worded."""

    def __init__(self) -> None:
        self.found: list[Fault] = []
        self.full = False

    def extend(self, faults: Iterable[Fault]) -> None:
        """Take `faults` one by one while there is room."""
        for fault in faults:
            if len(self.found) >= MAX_FAULTS:
                self.full = True
                return
            self.found.append(fault)

    def append(self, fault: Fault) -> None:
        """Take one fault."""
        self.extend((fault,))


def dotted(path: Path) -> str:
    """Write `path` as `devices[0].points[3].limits.high`; keys that are no plain word stand in quotes."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif PLAIN_KEY.fullmatch(step):
            text += f".{step}" if text else step
        else:
            text += f"[{json.dumps(step[:64], ensure_ascii=False)}]"
    return text or "file"


def _one_line(text: str) -> str:
    """A fault is one line and cannot steer a terminal, whatever it quotes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
