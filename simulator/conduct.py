"""How a server behaves towards who asks it: well, or with one of the faults real devices have."""

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Answers: TypeAlias = Literal["well", "silent", "closed", "cut", "garbage"]
"""well · accepts, never answers · refuses connections · hangs up in mid-frame · sends bytes of no protocol."""


@dataclass(slots=True, eq=False)
class Conduct:
    """What a server looks at before each answer; changed by the scenario while it serves.

    `delay_s` is how late each answer is, in real seconds; `refused` names measurements whose address is illegal.
    """

    answers: Answers = "well"
    delay_s: float = 0.0
    refused: set[str] = field(default_factory=set)
