"""Equations across a transformer: what goes in on the high side comes out on the low side, less its losses."""

from collections.abc import Iterator

from detectors.physics.channels import ONE, ZERO
from detectors.physics.equation import NEVER
from detectors.physics.places import Place, toward
from detectors.physics.plan import Made, Missing, Plan

LOSS = (0.0, 0.02)
"""Losses of a transformer as a share of the power through it: below 1 % at load (IEC 60076-20), doubled."""
REACTIVE = (0.0, 0.25)
"""Its reactive power as a share of the apparent: short-circuit impedances reach 20 %, and magnetisation."""
IDLE = 1.0
"""Losses without load stay when the load goes: the usual load is added to that of which they are a share."""


def of_transformer(plan: Plan, high: Place, low: Place) -> Iterator[Made]:
    """Yield the equations of a transformer measured on both sides."""
    yield from _losses(plan, high, low, "active_power")
    yield from _losses(plan, high, low, "reactive_power")
    yield from _ratio(plan, high, low)


def _losses(plan: Plan, high: Place, low: Place, quantity: str) -> Iterator[Made]:
    """Yield P_hv = P_lv + a + b I^2 with a, b learned, and before that only that it loses, and not too much."""
    word, letter = quantity.partition("_")[0], "P" if quantity == "active_power" else "Q"
    into, out = plan.power(high, quantity), plan.power(low, quantity)
    check = f"{letter}hv = {letter}lv + a + b · I²"
    if not (into and out):
        yield Missing(check, high.transformer, f"needs {word} power on both sides (side: hv, lv)")
        return
    current, size = plan.current(low) or plan.current(high), plan.apparent(high) or into
    left = plan.recipe.sum([(into[0], toward(plan.points.configs[into[1][0]], high))])
    right = plan.recipe.sum([(out[0], toward(plan.points.configs[out[1][0]], low))])
    beside = plan.recipe.product(current[0], current[0], 1.0) if current else plan.recipe.product(right, right, 1e-6)
    rows = into[1] + out[1] + (current[1] if current else ())
    share, allowed = plan.share(into[1], out[1]), LOSS if letter == "P" else REACTIVE
    yield plan.equation(
        rows,
        share,
        name=f"{high.transformer}.{word}-loss",
        what=check,
        family="loss",
        place=high.transformer,
        left=left,
        right=right,
        size=size[0],
        low=allowed[0],
        high=allowed[1],
        idle=IDLE,
        along=ONE,
        beside=beside,
    )


def _ratio(plan: Plan, high: Place, low: Place) -> Iterator[Made]:
    """Yield I_hv = I_lv (c + d tap), learned; the tap position must be known, for the ratio moves with it."""
    above, below = plan.current(high), plan.current(low)
    if not (above and below):
        return
    tap = next((place.tags["tap", "total"] for place in (low, high) if ("tap", "total") in place.tags), None)
    check = "Ihv = Ilv · (c + d · tap)"
    if tap is None:
        yield Missing(check, high.transformer, "needs the position of its tap changer (quantity: tap)")
        return
    moved = plan.recipe.product(below[0], plan.recipe.raw(tap), 1.0)
    yield plan.equation(
        (*above[1], *below[1], tap),
        2 * plan.share(above[1], below[1]),  # and the magnetising current, which does not follow the load
        name=f"{high.transformer}.ratio",
        what=check,
        family="ratio",
        place=high.transformer,
        left=above[0],
        right=ZERO,
        size=above[0],
        low=-NEVER,
        high=NEVER,
        along=below[0],
        beside=moved,
    )
