"""Section `alarms` of the configuration: how much of the alarms an operator is told, and when."""

from collections.abc import Iterator
from typing import Literal

from protocols.settings import Fault, Field, Seconds, settings


@settings
class AlarmRules:
    """Section `alarms`: what keeps alarms bearable (ISA-18.2, IEC 62682, EEMUA 191); nothing of it hides a state."""

    chatter_count: int = Field(default=3, ge=2, le=1000)
    """Alarms of one kind and source within `chatter_s` that make it chattering; 3 by ISA-18.2 clause 16."""
    chatter_s: Seconds = 60.0
    """Time in which they are counted; seconds."""
    fleeting_count: int = Field(default=10, ge=2, le=1000)
    """The same for what comes and goes more slowly: so many within `fleeting_s`."""
    fleeting_s: Seconds = 3600.0
    """Time in which these are counted; seconds."""
    update_s: float = Field(default=600.0, ge=1, le=86_400)
    """What chatters, and a flood, is told anew at most this often; seconds."""
    flood_count: int = Field(default=10, ge=1, le=10_000)
    """A flood begins with more alarms than this within `flood_s`; 10 in ten minutes by EEMUA 191."""
    flood_end_count: int = Field(default=5, ge=1, le=10_000)
    """It ends when fewer than this come within `flood_s`; 5 in ten minutes by ISA-18.2 clause 16."""
    flood_s: Seconds = 600.0
    """Time in which they are counted; seconds."""
    incident_s: float = Field(default=10.0, ge=0.1, le=600)
    """Alarms of one bay, bus or transformer that follow one another within this are one incident; seconds."""
    suppression: Literal["by_design", "never"] = "by_design"
    """Whether what only follows from a dead link or a bus without voltage says nothing of its own."""

    def faults(self) -> Iterator[Fault]:
        """Yield what only shows between keys."""
        if self.flood_end_count > self.flood_count:
            text = f"flood_end_count {self.flood_end_count} is over flood_count {self.flood_count}: no flood would last"
            yield ("flood_end_count",), text
        if self.chatter_s > self.fleeting_s:
            yield ("fleeting_s",), f"fleeting_s {self.fleeting_s:g} is below chatter_s {self.chatter_s:g}"
