"""A point as the test sees it: how its number goes onto the wire, what that can carry, what it shows at rest."""

import math
from dataclasses import dataclass
from typing import Any

from protocols.point import PointConfig

SIGNED = {"int8": 8, "int16": 16, "int32": 32, "int64": 64}
UNSIGNED = {"enum": 7, "uint16": 16, "uint32": 32, "uint64": 64}
"""Bits of a number; enumerations of IEC 61850 are small."""
STATES = {"bool": 1, "switch": 1, "dbpos": 3}
"""The highest state of what is no number."""
FLOATS = {"float32": 2.0**-22, "float64": 1e-9}
"""What of a number may be lost on the wire, relative: one digit of a float32, and JSON tells 15 digits."""
INTEGER_LOSS = 1e-9
BEYOND = 1.2
"""A number without ends is driven to so many times its rating, or its widest limit."""
USUAL = 1000.0
"""Where it has neither; in its unit."""
SHARE = 0.5
"""What a current or a power shows at rest, of its rating."""
AT_REST = {"frequency": 50.0, "power_factor": 0.95, "breaker": 1.0, "status": 1.0}
LOADS = ("current", "active_power", "reactive_power", "apparent_power")
LOWER, UPPER = ("low_low", "low"), ("high_high", "high")


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """One configured point. `kind` is the type on the wire, which says what raw numbers there are.

    `rank` is its number among all; `latency_s` is how long the gateway may take to hear of a change; `why_not` is why
    it cannot be driven, empty where it can.
    """

    device: str
    point: PointConfig
    kind: str
    rank: int
    latency_s: float
    why_not: str = ""

    @property
    def name(self) -> str:
        """`device.point`, as people and alarms call it."""
        return f"{self.device}.{self.point.name}"

    @property
    def address(self) -> str:
        """Its address."""
        point: Any = self.point
        return str(point.address)

    @property
    def order(self) -> str:
        """Its byte order, where its protocol has one."""
        return str(getattr(self.point, "order", ""))

    @property
    def is_state(self) -> bool:
        """Whether it has states instead of numbers."""
        return self.kind in STATES

    @property
    def ends(self) -> tuple[float, float]:
        """The lowest and the highest raw number that it is driven to."""
        if self.kind in STATES:
            return 0, STATES[self.kind]
        if self.kind in SIGNED:
            return -(2 ** (SIGNED[self.kind] - 1)), 2 ** (SIGNED[self.kind] - 1) - 1
        if self.kind in UNSIGNED:
            return 0, 2 ** UNSIGNED[self.kind] - 1
        widest = BEYOND * self._widest
        low, high = sorted((self.raw(-widest), self.raw(widest)))
        return low, high

    def value(self, raw: float) -> float:
        """Return what `raw` is in its unit."""
        return raw * self.point.scale + self.point.offset

    def raw(self, value: float) -> float:
        """Return the raw number of `value`, whether the wire can carry it or not."""
        return (value - self.point.offset) / self.point.scale

    def tolerance(self, value: float) -> float:
        """Return by how much `value` may differ at the other end."""
        loss = FLOATS.get(self.kind, INTEGER_LOSS)
        return loss * abs(value - self.point.offset) + INTEGER_LOSS * abs(self.point.offset) + math.ulp(1.0)

    def beside(self, value: float, direction: int) -> float | None:
        """Return the nearest value strictly above (1) or below (-1) `value` that the wire carries, None beyond its end.

        The nearest of a float is a ten-thousandth further, so that no rounding takes it back.
        """
        if self.kind in FLOATS:
            return value + direction * max(1e-4 * abs(value), 1e-6 * self._widest)
        step = direction if self.point.scale > 0 else -direction
        raw = self.raw(value)
        whole = round(raw) if math.isclose(raw, round(raw), rel_tol=1e-12, abs_tol=1e-9) else None
        if whole is None:
            whole = math.floor(raw) if step > 0 else math.ceil(raw)
        low, high = self.ends
        return self.value(whole + step) if low <= whole + step <= high else None

    def nearest(self, value: float) -> float:
        """Return the value nearest to `value` that the wire carries."""
        if self.kind in FLOATS:
            return value
        low, high = self.ends
        return self.value(min(max(round(self.raw(value)), low), high))

    @property
    def at_rest(self) -> float:
        """What it shows while nothing is done to it: nominal by its role, and within its limits."""
        role, limits = self.point.role, self.point.limits
        quantity = role.quantity if role else None
        rating = role.rating if role else None
        if quantity in LOADS and rating is not None:
            value = SHARE * rating
        elif rating is not None:
            value = rating
        else:
            value = AT_REST.get(quantity or "", math.nan)
        lower = [found for key in LOWER if limits and (found := getattr(limits, key)) is not None]
        upper = [found for key in UPPER if limits and (found := getattr(limits, key)) is not None]
        return self.nearest(self._within(value, max(lower, default=-math.inf), min(upper, default=math.inf)))

    def _within(self, value: float, low: float, high: float) -> float:
        """Return `value`, or what lies well between the limits if it does not; the middle of the range without them."""
        hysteresis = self.point.limits.hysteresis if self.point.limits else 0.0
        if low + hysteresis < value < high - hysteresis:
            return value
        if math.isinf(low) and math.isinf(high):
            return self.value(self.ends[1] / 4 if not self.is_state else 1)
        if math.isinf(low) or math.isinf(high):
            edge, side = (high, -1) if math.isinf(low) else (low, 1)
            return edge + side * (2 * hysteresis + 0.25 * abs(edge) + abs(self.point.scale))
        return (low + high) / 2

    @property
    def _widest(self) -> float:
        limits, role = self.point.limits, self.point.role
        found = [abs(value) for key in (*LOWER, *UPPER) if limits and (value := getattr(limits, key)) is not None]
        if role and role.rating:
            found.append(role.rating)
        return max(found, default=USUAL) or USUAL
