"""The table: one section a part, one line a figure, one column a case, the target beside it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

FIGURE_WIDTH, CASE_WIDTH = 37, 14


@dataclass(frozen=True)
class Target:
    """What a figure must be in one case (None: in all)."""

    text: str
    met: Callable[[float], bool]
    case: str | None = None


@dataclass
class Section:
    """Figures of one part. `legend` says how each is measured."""

    title: str
    cases: Sequence[str]
    legend: str
    figures: dict[str, dict[str, float]] = field(default_factory=dict)
    targets: dict[str, Target] = field(default_factory=dict)

    def add(self, figure: str, case: str, value: float) -> None:
        """Note one measurement."""
        self.figures.setdefault(figure, {})[case] = value

    def met(self, figure: str) -> bool | None:
        """Return whether `figure` meets its target; None without one, or where it was not measured."""
        target = self.targets.get(figure)
        cases = self.figures[figure]
        values = cases.values() if target is None or target.case is None else [cases.get(target.case)]
        if target is None or None in values:
            return None
        return all(target.met(value) for value in values if value is not None)

    def lines(self) -> Iterator[str]:
        """Yield the section as text."""
        yield f"{self.title:<{FIGURE_WIDTH}}" + "".join(f"{case:>{CASE_WIDTH}}" for case in self.cases)
        for figure, values in self.figures.items():
            cells = (f"{number(values[case]) if case in values else '':>{CASE_WIDTH}}" for case in self.cases)
            yield f"  {figure:<{FIGURE_WIDTH - 2}}{''.join(cells)}{self._verdict(figure)}"

    def plain(self) -> dict[str, Any]:
        """Return the section as JSON has it."""
        targets = {key: {"target": target.text, "met": self.met(key)} for key, target in self.targets.items()}
        return {"figures": self.figures, "targets": targets, "measured": self.legend}

    def _verdict(self, figure: str) -> str:
        met = self.met(figure)
        word = {True: "met", False: "MISSED", None: "not measured"}[met]
        return f"   {self.targets[figure].text}: {word}" if figure in self.targets else ""


def number(value: float) -> str:
    """Return a figure as a whole number, or with three digits where it is smaller than 100."""
    if value == round(value) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.{3 if abs(value) < 0.1 else 2 if abs(value) < 10 else 1}f}"
