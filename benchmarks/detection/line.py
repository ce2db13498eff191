"""One line of the table of the detection benchmark."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Line:
    """What was measured, beside its target and what others reach; `met` is None where there is no target."""

    what: str
    measured: str
    target: str = ""
    anchor: str = ""
    met: bool | None = None
