"""How a server behaves towards who asks it: well, or with one of the faults real devices have."""

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Answers: TypeAlias = Literal["well", "silent", "closed", "cut", "garbage"]
"""well · accepts, never answers · refuses connections · hangs up in mid-frame · sends bytes of no protocol."""


@dataclass(slots=True, eq=False)
class Conduct:
    """What a server looks at before each answer; changed by the scenario while it serves.

    `delay_s` is how late each answer is, in real seconds; `refused` names measurements whose address is illegal.
    `restarts` counts how often it was started anew, `revision` is its firmware.

    What somebody who took it over does: `unit_off` is added to the unit in answers, `exception` is the code with which
    all is refused (0: none), `clock_s` how far its clock is ahead, `insists` whether it reports although nobody asks.
    """

    answers: Answers = "well"
    delay_s: float = 0.0
    refused: set[str] = field(default_factory=set)
    restarts: int = 0
    revision: str = "1.0"
    unit_off: int = 0
    exception: int = 0
    clock_s: float = 0.0
    insists: bool = False
