"""What the pipeline has to say: window summaries, changes at once, alarms; and what is only to be kept."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from detectors.model import Report, Severity, deviation_percent
from protocols.model import Qualities, Times, Values


@dataclass(frozen=True, slots=True, eq=False)
class Summary:
    """The readings of one device in one window: what goes upstream instead of every reading.

    `points` str[n]; `count` uint32[n] usable readings; `min`, `max`, `mean`, `last` float64[n], NaN where count is 0;
    `quality` uint16[n], the union of all flags seen; `synchronised` whether our clock was throughout.
    """

    device: str
    start_ns: int
    length_ns: int
    points: tuple[str, ...]
    count: NDArray[np.uint32]
    min: Values
    max: Values
    mean: Values
    last: Values
    quality: Qualities
    synchronised: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """Status points that switched and values that moved beyond their dead-band, sent outside their window.

    `points` str[n], `values` float64[n], `quality` uint16[n], `time_ns` int64[n] (each reading's own time).
    """

    device: str
    time_ns: int
    points: tuple[str, ...]
    values: Values
    quality: Qualities
    times_ns: Times
    synchronised: bool = False


class AlarmState(StrEnum):
    """The states of an alarm: ISA-18.2 clause 5.4, out of service left out."""

    NORMAL = "normal"
    ACTIVE_UNACKED = "active_unacked"
    ACTIVE_ACKED = "active_acked"
    RETURNED_UNACKED = "returned_unacked"
    SHELVED = "shelved"
    SUPPRESSED = "suppressed"


@dataclass(frozen=True, slots=True)
class Alarm:
    """A finding with a life. `id` is stable: the same condition of the same source has the same one for ever.

    `points` are those of `device` by their name, others as DEVICE.POINT. `suppressed_by` is the alarm that makes this
    one say nothing by design; `chattering` holds it as active until it is calm; `withheld` is told in the summary of a
    flood only. `told` is whether anybody was told of this life of it.
    """

    id: str
    state: AlarmState
    severity: Severity
    kind: str
    detector: str
    device: str
    points: tuple[str, ...]
    first_ns: int
    last_ns: int
    count: int
    text: str
    value: float | None = None
    expected: float | None = None
    score: float = 1.0
    active: bool = False
    acked: bool = True
    shelved_until_ns: int = 0
    by: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)
    technique: str | None = None
    synchronised: bool = False
    subject: str = ""
    causes: tuple[str, ...] = ()
    advice: str = ""
    incident: str = ""
    first_out: bool = False
    suppressed_by: str = ""
    chattering: bool = False
    withheld: bool = False
    told: bool = True

    @property
    def deviation_percent(self) -> float | None:
        """How far `value` lies from `expected`, in percent of it; None where that says nothing."""
        return deviation_percent(self.expected, self.value)


@dataclass(frozen=True, slots=True)
class Unsaid:
    """An alarm of which something changed that is kept on disk and sent to nobody."""

    alarm: Alarm


Message: TypeAlias = Summary | Change | Alarm | Report
