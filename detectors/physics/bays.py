"""Equations within a bay: powers, voltages and currents that are measured at one place.

P, Q and S are of three phases (IEEE 1459). Where angles are not measured, phasors are taken as 120 degrees apart; then
what may turn them (an earth fault, a neutral that moves) takes the equation out of judgement: `alike`.
"""

from collections.abc import Iterator

from detectors.physics.channels import Ref
from detectors.physics.equation import Equation
from detectors.physics.places import Place
from detectors.physics.plan import LL, LN, PHASES, TIGHTEST, Made, Missing, Plan

ALIKE = 0.9
"""Phase voltages within 10 % of each other: angles are within 6 degrees of 120 then, but for an earth fault."""
ANGLED = 0.5
"""Loads turn phases by some tenths of a degree as they grow: no learning knows that, so half of the class stays."""
ANGLE = 0.35
"""2 sin(10 degrees): what a neutral current may differ by, as a share of the mean current, as loads of the phases
have angles of their own."""


def of_bay(plan: Plan, place: Place) -> Iterator[Made]:
    """Yield the equations of a place, and what is missing for others."""
    yield from _powers(plan, place)
    yield from _factor(plan, place)
    yield from _volt_ampere(plan, place)
    yield from _voltages(plan, place)
    yield from _neutral(plan, place)


def _powers(plan: Plan, place: Place) -> Iterator[Made]:
    measured = plan.power(place, "apparent_power")
    vector = plan.apparent(place)
    if measured and vector and measured[0] != vector[0]:
        yield _equal(plan, place, ("apparent", "S = √(P² + Q²)"), measured, vector)


def _factor(plan: Plan, place: Place) -> Iterator[Made]:
    """Yield P = pf S, whatever the sign convention of the power factor."""
    active, apparent = plan.power(place, "active_power"), plan.power(place, "apparent_power") or plan.apparent(place)
    if active is None or not plan.has(place, "power_factor", ("total",)):
        return
    if apparent is None:
        yield Missing("P = pf · S", place.name, "needs apparent or reactive power beside active power")
        return
    factor = plan.raw(place, "power_factor", "total")
    right = plan.recipe.size([plan.recipe.product(apparent[0], factor, 1.0)])
    rows = apparent[1] + plan.rows(place, "power_factor", ("total",))
    left = plan.recipe.size([active[0]])
    yield _equal(plan, place, ("factor", "|P| = |pf| · S"), (left, active[1]), (right, rows), size=apparent[0])


def _volt_ampere(plan: Plan, place: Place) -> Iterator[Made]:
    current, voltage = plan.current(place), plan.voltage(place)
    apparent = plan.apparent(place)
    if not place.carries or not (current or apparent):
        return
    if not (current and apparent and voltage):
        lacks = {"a current": current, "active and reactive (or apparent) power": apparent, "a voltage": voltage}
        names = " and ".join(name for name, found in lacks.items() if not found)
        yield Missing("S = √3 · U · I", place.name, f"needs {names}" + ("" if voltage else " here or on its bus"))
        return
    right = plan.recipe.product(voltage[0], current[0], 3**0.5)
    share = plan.share(apparent[1], voltage[1], current[1])
    words, rows = ("volt-ampere", "S = √3 · U · I"), voltage[1] + current[1]
    yield _equal(plan, place, words, apparent, (right, rows), share=share)


def _voltages(plan: Plan, place: Place) -> Iterator[Made]:
    """Yield each line voltage against its phase voltages, and both means, which no small unbalance moves apart."""
    if not (plan.has(place, "voltage", LN) and plan.has(place, "voltage", LL)):
        return
    phase = {name: plan.raw(place, "voltage", name) for name in LN}
    alike = tuple((phase[x], phase[y], ALIKE) for x, y in zip("abc", "bca", strict=True))
    for pair in LL:
        left = plan.raw(place, "voltage", pair), plan.rows(place, "voltage", (pair,))
        right = plan.recipe.vector(phase[pair[0]], phase[pair[1]], 1.0), plan.rows(place, "voltage", tuple(pair))
        words = f"line-{pair}", f"U{pair} = |U{pair[0]} - U{pair[1]}|"
        yield _equal(plan, place, words, left, right, alike=alike, tightest=ANGLED)
    left = plan.mean(place, "voltage", LL), plan.rows(place, "voltage", LL)
    right = plan.mean(place, "voltage", LN, 3**0.5), plan.rows(place, "voltage", LN)
    yield _equal(plan, place, ("lines", "mean(Uab, Ubc, Uca) = √3 · mean(Ua, Ub, Uc)"), left, right, alike=alike)


def _neutral(plan: Plan, place: Place) -> Iterator[Made]:
    if not plan.has(place, "current", (*PHASES, "n")):
        return
    a, b, c = (plan.raw(place, "current", phase) for phase in PHASES)
    first, second = plan.recipe.sum([(a, 1.0), (b, -1.0)]), plan.recipe.sum([(b, 1.0), (c, -1.0)])
    total = plan.recipe.vector(first, second, 1.0), plan.rows(place, "current", PHASES)
    neutral = plan.raw(place, "current", "n"), plan.rows(place, "current", ("n",))
    mean = plan.mean(place, "current", PHASES)
    bounds = (-ANGLE, ANGLE)
    yield _equal(
        plan, place, ("neutral", "In = |Ia + Ib + Ic|"), neutral, total, size=mean, bounds=bounds, tightest=0.0
    )


def _equal(  # noqa: PLR0913 - the keys of an equation
    plan: Plan,
    place: Place,
    words: tuple[str, str],
    left: tuple[Ref, tuple[int, ...]],
    right: tuple[Ref, tuple[int, ...]],
    *,
    size: Ref | None = None,
    share: float | None = None,
    alike: tuple[tuple[Ref, Ref, float], ...] = (),
    bounds: tuple[float, float] = (0.0, 0.0),
    tightest: float = TIGHTEST,
) -> Equation:
    share = plan.share(left[1], right[1]) if share is None else share
    size = size or right[0]
    return plan.equation(
        tuple(dict.fromkeys(left[1] + right[1])),
        share,
        tightest=tightest,
        name=f"{place.name.replace(' ', '-')}.{words[0]}",
        what=words[1],
        family=words[0],
        place=place.name,
        left=left[0],
        right=right[0],
        size=size,
        along=size,
        low=bounds[0],
        high=bounds[1],
        alike=alike,
    )
