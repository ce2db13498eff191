"""The one-line diagram, from the roles of the points: buses with their bays, transformers, and what has no place."""

from gateway.page.said import Bay, Bus, Diagram, Other, Transformer, Value
from protocols.point import Role
from protocols.points import Points


def diagram(points: Points, revision: str) -> Diagram:
    """Return it; rows are those of the catalogue."""
    return _Drawing(points).done(revision)


class _Drawing:
    """Puts each point where its role says."""

    def __init__(self, points: Points) -> None:
        self._buses: dict[str | None, Bus] = {}
        self._bays: dict[tuple[str | None, str | None], Bay] = {}
        self._transformers: dict[str, Transformer] = {}
        self._others: dict[str, list[int]] = {}
        self._bus_of = _buses(points)
        placed = [(row, config.role) for row, config in enumerate(points.configs) if config.role is not None]
        for row, role in placed:
            if role.transformer:
                self._at_transformer(row, role)
            elif role.bay or role.bus:
                self._at_bus(row, role)
        known = {row for row, role in placed if role.transformer or role.bay or role.bus}
        for row in sorted(set(range(len(points))) - known):
            self._others.setdefault(points.device(row), []).append(row)

    def done(self, revision: str) -> Diagram:
        """Return what was drawn."""
        return Diagram(
            revision=revision,
            buses=list(self._buses.values()),
            transformers=list(self._transformers.values()),
            other=[Other(device=device, rows=rows) for device, rows in self._others.items()],
        )

    def _at_bus(self, row: int, role: Role) -> None:
        name = role.bus or self._bus_of.get(role.bay or "")
        bus = self._buses.setdefault(name, Bus(name=name, bays=[], breakers=[], values=[]))
        if not role.bay:
            _put(bus, row, role)
            return
        if (name, role.bay) not in self._bays:
            self._bays[name, role.bay] = Bay(name=role.bay, bus=name, breakers=[], values=[])
            bus.bays.append(self._bays[name, role.bay])
        _put(self._bays[name, role.bay], row, role)

    def _at_transformer(self, row: int, role: Role) -> None:
        """Put it at the side that its role names; a breaker that names none, at the side of the bus that it names."""
        assert role.transformer is not None
        at = self._transformers.setdefault(
            role.transformer,
            Transformer(name=role.transformer, hv=_side(), lv=_side(), breakers=[], values=[]),
        )
        if role.side is not None:
            side = at.hv if role.side == "hv" else at.lv
            side.name, side.bus = side.name or role.bay, side.bus or role.bus
            _put(side, row, role)
        elif role.quantity == "breaker" and role.bus:
            _put(at.hv if at.hv.bus == role.bus else at.lv, row, role)
        else:
            _put(at, row, role)


def _buses(points: Points) -> dict[str, str]:
    """Return the bus of each bay that any of its points names."""
    roles = (config.role for config in points.configs)
    return {role.bay: role.bus for role in roles if role is not None and role.bay and role.bus}


def _side() -> Bay:
    return Bay(name=None, bus=None, breakers=[], values=[])


def _put(at: Bus | Bay | Transformer, row: int, role: Role) -> None:
    if role.quantity == "breaker":
        at.breakers.append(row)
    else:
        at.values.append(Value(row=row, quantity=role.quantity, phase=role.phase))
