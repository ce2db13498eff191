"""What a unit is worth in V, A, W, var, VA, Wh or Hz. A unit that is not known makes no equation."""

_PREFIX = {"m": 1e-3, "": 1.0, "k": 1e3, "M": 1e6, "G": 1e9}
_BASE = {
    "voltage": ("V",),
    "current": ("A",),
    "active_power": ("W",),
    "reactive_power": ("var", "VAr", "VAR", "Var"),
    "apparent_power": ("VA",),
    "energy": ("Wh",),
    "frequency": ("Hz",),
}
_FACTORS = {
    quantity: {prefix + base: factor for base in bases for prefix, factor in _PREFIX.items()}
    for quantity, bases in _BASE.items()
}
_FACTORS["power_factor"] = {"": 1.0, "1": 1.0, "%": 0.01}


def factor(quantity: str, unit: str) -> float | None:
    """Return what a value in `unit` is multiplied by to be in the base unit of `quantity`; None where unknown."""
    return _FACTORS.get(quantity, {}).get(unit.strip())


def known(quantity: str) -> str:
    """Return some units that are understood for `quantity`, for people."""
    base = _BASE.get(quantity, ("1",))[0]
    return ", ".join((base, f"k{base}", f"M{base}")) if base in ("V", "A", "W", "var", "VA", "Wh") else base
