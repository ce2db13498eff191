"""One line of the table of the cyber benchmark: what was measured, its target, and whether that is met."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Line:
    """`met` is None where there is no target; `details` are told below the table, a line each."""

    what: str
    measured: str
    target: str = ""
    met: bool | None = None
    details: tuple[str, ...] = ()


def share(what: str, found: int, of: int, percent: float, details: tuple[str, ...] = ()) -> Line:
    """Return a line of so many of so many, for a target of so many per cent of them."""
    part = 100 * found / of if of else 0.0
    target = "all" if percent == 100 else f"{percent:g} %"
    return Line(what, f"{found} of {of} ({part:.1f} %)", target, part >= percent if of else None, details)


def none(what: str, details: tuple[str, ...], allowed: int = 0) -> Line:
    """Return a line of what should not be."""
    return Line(what, str(len(details)), str(allowed or "none"), len(details) <= allowed, details)
