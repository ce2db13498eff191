"""One line of the table of the cyber benchmark: what was measured, its target, and whether that is met."""

from collections.abc import Sequence
from dataclasses import dataclass

ALL = 100.0


@dataclass(frozen=True)
class Line:
    """`met` is None where there is no target; `details` are told below the table, a line each."""

    what: str
    measured: str
    target: str = ""
    met: bool | None = None
    details: Sequence[str] = ()


def share(what: str, found: int, of: int, percent: float | None = ALL, details: Sequence[str] = ()) -> Line:
    """Return a line of so many of so many, for a target of `percent` of them, if there is one."""
    part = 100 * found / of if of else 0.0
    target = "" if percent is None else "all" if percent == ALL else f"{percent:g} %"
    met = part >= percent if of and percent is not None else None
    return Line(what, f"{found} of {of} ({part:.1f} %)", target, met, tuple(details))


def none(what: str, details: Sequence[str]) -> Line:
    """Return a line of what should not be."""
    return Line(what, str(len(details)), "none", not details, tuple(details))
