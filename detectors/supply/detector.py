"""The detector: frames in; findings where a week is outside its bands, and where a bay is without supply."""

from collections.abc import Iterator, Sequence

import numpy as np

from detectors.framed import Framed
from detectors.kept import State
from detectors.model import Finding, Said, Severity
from detectors.supply.bands import FREQUENCY, Pair, Standard, voltage_bands
from detectors.supply.interruptions import Interruptions, bays_of
from detectors.supply.nominal import low_voltage
from detectors.supply.ratios import FREQUENCY_S, VOLTAGE_S, Ratios
from detectors.supply.week import Week
from protocols.model import Frame, Rows, Seen, Values
from protocols.point import SeverityWord
from protocols.points import Points

NS = 1_000_000_000
CAUSES = {
    "voltage": ("a tap changer that stands or is set wrongly", "overload or a long feeder", "feed-in of generation"),
    "frequency": ("an islanded or weak network", "a lack of generation", "a measuring error"),
}
ADVICE = {
    "voltage": "Check the set point and the last operations of the tap changer, and the load at the times outside.",
    "frequency": "Compare with another frequency of the site, and tell the system operator.",
}


class SupplyDetector(Framed):
    """Intervals of a week and interruptions; `told` is what was said of each row to be outside."""

    KEPT = ("_told_voltage", "_told_frequency")

    def __init__(
        self, points: Points, rows: Rows, *, standard: Standard, customers: Sequence[str], severity: SeverityWord
    ) -> None:
        self._points, self._severity = points, Severity(severity)
        self._ratios = Ratios(points, rows)
        voltage, nominal = self._ratios.voltage, self._ratios.nominal
        low = [low_voltage(points, int(row), float(each)) for row, each in zip(voltage, nominal, strict=True)]
        self._voltage_bands = [voltage_bands(standard, low=each) for each in low]
        self._voltage_week = Week(self._voltage_bands, VOLTAGE_S)
        self._frequency_week = Week([FREQUENCY] * len(self._ratios.frequency), FREQUENCY_S)
        self._told_voltage = np.zeros(len(voltage), np.bool_)
        self._told_frequency = np.zeros(len(self._ratios.frequency), np.bool_)
        self._bays = bays_of(points)
        self._interruptions = Interruptions(points, self._bays, self._ratios, customers)
        self._watches = bool(self._bays or len(voltage) or len(self._ratios.frequency))

    def state(self) -> State:
        """Return the arrays of its parts, and its own."""
        parts = {
            "ratios": self._ratios,
            "voltage": self._voltage_week,
            "frequency": self._frequency_week,
            "interruptions": self._interruptions,
        }
        kept = {f"{part}.{name}": array for part, kept in parts.items() for name, array in kept.state().items()}
        return kept | dict(super().state())

    def observe(self, seen: Seen) -> Sequence[Said]:
        """Return which compliance was lost or is back, and which bay was interrupted or is supplied again."""
        if not isinstance(seen, Frame) or not self._watches:
            return ()
        closed = self._ratios.observe(seen)
        said: list[Said] = []
        if closed.voltage is not None:
            said += self._voltages(closed.voltage, seen)
        if closed.frequency is not None:
            said += self._frequencies(closed.frequency, seen)
        change = self._interruptions.observe(seen)
        if change.calm:
            return said
        said += [self._interrupted(int(bay), seen) for bay in change.begun]
        said += [self._supplied(int(bay), seen) for bay in change.over]
        return said

    def resume(self, active: Sequence[Finding]) -> Sequence[Finding]:
        """Take up what was active when the gateway stopped."""
        for told in (self._told_voltage, self._told_frequency, self._interruptions.down):
            told.fill(False)
        return [finding for finding in active if self._take_up(finding)]

    def _take_up(self, finding: Finding) -> bool:
        if finding.kind == "interruption" and finding.subject in self._bays:
            self._interruptions.take_up(self._bays.index(finding.subject), finding.time_ns)
            return True
        kinds = {
            "voltage_compliance": (self._ratios.voltage, self._told_voltage),
            "frequency_compliance": (self._ratios.frequency, self._told_frequency),
        }
        rows, told = kinds.get(finding.kind, (np.zeros(0, np.int32), self._told_voltage))
        at = np.flatnonzero(np.isin(rows, finding.rows))
        told[at] = True
        return len(at) > 0

    def _voltages(self, ratio: Values, frame: Frame) -> Iterator[Finding]:
        self._voltage_week.count(ratio, frame.utc_ns)
        lost = self._voltage_week.lost_any
        for k in np.flatnonzero(lost != self._told_voltage).tolist():
            row, nominal = int(self._ratios.voltage[k]), float(self._ratios.nominal[k])
            story = _story(self._voltage_week, k, self._voltage_bands[k], interval="10 min")
            yield self._compliance("voltage", row, story, frame, nominal=nominal, ratio=ratio[k], active=bool(lost[k]))
        self._told_voltage[:] = lost

    def _frequencies(self, ratio: Values, frame: Frame) -> Iterator[Finding]:
        self._frequency_week.count(ratio, frame.utc_ns)
        lost = self._frequency_week.lost_any
        for k in np.flatnonzero(lost != self._told_frequency).tolist():
            row, nominal = int(self._ratios.frequency[k]), float(self._ratios.hertz[k])
            story = _story(self._frequency_week, k, FREQUENCY, interval="10 s")
            yield self._compliance(
                "frequency", row, story, frame, nominal=nominal, ratio=ratio[k], active=bool(lost[k])
            )
        self._told_frequency[:] = lost

    def _compliance(
        self, quantity: str, row: int, story: str, frame: Frame, *, nominal: float, ratio: float, active: bool
    ) -> Finding:
        unit, known = f" {self._points.configs[row].unit}".rstrip(), bool(np.isfinite(ratio))
        now = f"; now {ratio * nominal:.6g}{unit}, {100 * (ratio - 1):+.1f} %" if known else ""
        return Finding(
            detector="supply",
            kind=f"{quantity}_compliance",
            device=self._points.device(row),
            rows=(row,),
            severity=self._severity,
            time_ns=frame.time_ns,
            active=active,
            expected=nominal,
            actual=float(ratio * nominal) if known else None,
            text=f"{self._points.label(row)}, nominal {nominal:.6g}{unit}: {story}{now}",
            causes=CAUSES[quantity] if active else (),
            advice=ADVICE[quantity] if active else "",
        )

    def _interrupted(self, bay: int, frame: Frame) -> Finding:
        rows, why = self._interruptions.why(bay, frame)
        nominal = self._ratios.nominal[self._ratios.voltage == rows[0]]  # none where a breaker says it
        return Finding(
            detector="supply",
            kind="interruption",
            device=self._points.device(self._interruptions.rows(bay)[0]),
            subject=self._bays[bay],
            rows=rows,
            severity=self._severity.next,
            time_ns=frame.time_ns,
            expected=float(nominal[0]) if len(nominal) else None,
            actual=float(frame.values[rows[0]]),
            text=f"{self._bays[bay]} is without supply: {', '.join(map(self._points.label, rows))} {why}",
            causes=("an outage upstream", "a protection trip", "switching"),
            advice="Look for trips and switching here and upstream; check the voltage transformer if load goes on.",
        )

    def _supplied(self, bay: int, frame: Frame) -> Finding:
        rows = self._interruptions.rows(bay)
        minutes = (frame.time_ns - int(self._interruptions.since_ns[bay])) / (60 * NS)
        return Finding(
            detector="supply",
            kind="interruption",
            device=self._points.device(self._interruptions.rows(bay)[0]),
            subject=self._bays[bay],
            rows=rows,
            severity=self._severity.next,
            time_ns=frame.time_ns,
            active=False,
            text=f"{self._bays[bay]} is supplied again after {minutes:.1f} min",
        )


def _story(week: Week, k: int, bands: Pair, *, interval: str) -> str:
    """Say how often the band that is lost was left, or that none is."""
    lost = np.flatnonzero(week.lost[:, k])
    which = int(lost[0]) if len(lost) else 0
    band, outside, most = bands[which], int(week.outside[which, k]), int(week.most[which, k])
    count = (
        f"{outside} means of {interval} of the last 7 days lie outside {100 * band.low:.1f} to {100 * band.high:.1f} %"
    )
    return f"{count}, {most} may ({band.name})" if len(lost) else f"complies again: {count}"
