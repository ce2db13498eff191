"""Equations of a bus: what flows in flows out (Kirchhoff), and whoever stands on it sees the same voltage."""

from collections.abc import Iterator, Sequence
from itertools import combinations

from detectors.physics.channels import Ref
from detectors.physics.equation import Equation
from detectors.physics.places import TIES, Place, toward
from detectors.physics.plan import LL, LN, Made, Missing, Plan

DEAD = 0.5
"""Where no breaker tells, a place with less than half the voltage of its neighbour is taken to be switched off."""
HERTZ = 0.001
"""50 mHz: frequency meters are exact; what is more apart was not measured at the same network or moment."""


def of_buses(plan: Plan) -> Iterator[Made]:
    """Yield the equations of all buses."""
    yield from balances(plan)
    for bus in plan.buses():
        yield from _agreement(plan, bus)


def balances(plan: Plan) -> Iterator[Made]:
    """Yield the balances of each bus, and of two that a coupler joins."""
    buses = list(plan.buses())
    ties = {bus: _ties(plan, bus) for bus in buses}
    joined = [bus for bus in buses if ties[bus]]
    if len(joined) == 1 and len(buses) == 2:
        joined = buses
    rows = tuple(dict.fromkeys(row for bus in joined for row in ties[bus]))
    for bus in buses:
        yield from _balance(plan, (bus,), open_=rows if len(joined) == 2 and bus in joined else tuple(ties[bus]))
    if len(joined) > 2:
        for pair in combinations(joined, 2):
            yield Missing("balance", "+".join(pair), "more than two buses with couplers: unknown which ones they join")
    elif len(joined) == 2:
        yield from _balance(plan, tuple(joined), closed=rows)


def _ties(plan: Plan, bus: str) -> list[int]:
    """Return the breakers that join this bus with another."""
    found = []
    for place in plan.on_bus(bus):
        row = place.tags.get(("breaker", "total"))
        if row is not None and (not place.carries or any(tie in _words(plan, place, row) for tie in TIES)):
            found.append(row)
    return found


def _words(plan: Plan, place: Place, row: int) -> str:
    return f"{place.bay} {plan.points.names[row]}".lower()


def _balance(
    plan: Plan, buses: tuple[str, ...], *, open_: tuple[int, ...] = (), closed: tuple[int, ...] = ()
) -> Iterator[Made]:
    """Yield the balance of active and of reactive power of `buses`, joined where there are two."""
    name = "+".join(buses)
    ties = {*open_, *closed}
    bays = [place for bus in buses for place in plan.on_bus(bus) if place.carries and not ties & {*place.tags.values()}]
    if not any(place.transformer or _feeds(plan, place) for place in bays) or len(bays) < 2:
        yield Missing("balance", name, "needs an infeed (a transformer, or direction: in) and one more bay")
        return
    for quantity, letter in (("active_power", "P"), ("reactive_power", "Q")):
        powers = [plan.power(place, quantity) for place in bays]
        lacking = [place.name for place, power in zip(bays, powers, strict=True) if power is None]
        if lacking:
            yield Missing("balance", name, f"{quantity.replace('_', ' ')} is not measured in {', '.join(lacking)}")
            continue
        known = [(place, power) for place, power in zip(bays, powers, strict=True) if power is not None]
        yield _balanced(plan, name, letter, known, (open_, closed))


def _balanced(
    plan: Plan,
    name: str,
    letter: str,
    known: Sequence[tuple[Place, tuple[Ref, tuple[int, ...]]]],
    ties: tuple[tuple[int, ...], tuple[int, ...]],
) -> Equation:
    signed = [(power[0], toward(plan.points.configs[power[1][0]], place)) for place, power in known]
    feeding = [bool(place.transformer) for place, _ in known]
    rows = tuple(row for _, power in known for row in power[1])
    size = plan.recipe.size([(plan.apparent(place) or power)[0] for place, power in known])
    inward = [term for term, feeds in zip(signed, feeding, strict=True) if feeds] or signed[:1]
    outward = [(ref, -weight) for ref, weight in signed if (ref, weight) not in inward]
    return plan.equation(
        rows,
        plan.share(rows),
        name=f"{name}.{letter}",
        what=f"Σ {letter} in = Σ {letter} out",
        family="balance",
        place=name,
        left=plan.recipe.sum(inward),
        right=plan.recipe.sum(outward),
        size=size,
        along=size,
        open=ties[0],
        closed=ties[1],
    )


def _feeds(plan: Plan, place: Place) -> bool:
    power = plan.power(place, "active_power")
    return power is not None and toward(plan.points.configs[power[1][0]], place) > 0


def _agreement(plan: Plan, bus: str) -> Iterator[Made]:
    """Yield the same voltage, and frequency, around the ring of those that measure it: an error is in two of them."""
    for quantity, phases in (("voltage", LN), ("voltage", LL), ("voltage", ("ll",)), ("frequency", ("total",))):
        seen = [place for place in plan.on_bus(bus) if plan.has(place, quantity, phases)]
        if quantity == "voltage" and phases == LL:
            seen = [place for place in seen if not plan.has(place, "voltage", LN)]
        for place, other in zip(seen, seen[1:] + seen[:1] * (len(seen) > 2), strict=False):
            for phase in phases:
                yield _same(plan, (place, other), quantity, phase)


def _same(plan: Plan, pair: tuple[Place, Place], quantity: str, phase: str) -> Equation:
    left, right = (plan.raw(place, quantity, phase) for place in pair)
    rows = tuple(place.tags[quantity, phase] for place in pair)
    breakers = [place.tags.get(("breaker", "total")) for place in pair if place.carries]
    letter = f"U{phase}" if quantity == "voltage" else "f"
    share = plan.share(rows[:1], rows[1:]) if quantity == "voltage" else HERTZ
    return plan.equation(
        rows,
        share,
        name=f"{pair[0].name.replace(' ', '-')}.{pair[1].name.replace(' ', '-')}.{letter.lower()}",
        what=f"{letter} of {pair[0].name} = {letter} of {pair[1].name}",
        family="agreement",
        place=pair[0].bus,
        left=left,
        right=right,
        size=right,
        along=right,
        closed=tuple(row for row in breakers if row is not None),
        alike=((left, right, DEAD),) if None in breakers or quantity == "frequency" else (),
    )
