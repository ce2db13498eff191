"""An equation: two channels that should be equal, how far apart they may be, and when it can be judged at all."""

from dataclasses import dataclass

from detectors.physics.channels import ONE, ZERO, Ref

NEVER = 1e6
"""A tolerance that nothing exceeds: such an equation is judged by what was learned alone."""


@dataclass(frozen=True, slots=True)
class Equation:
    """`left` = `right` of a place, such as S and sqrt(P^2 + Q^2).

    Apart they may be by `share` of `size`, and by any offset from `low` to `high` of `size` which physics allows, such
    as a loss; of the usual size, `idle` is added for that. What is learned is an offset along `along` (a gain error)
    and `beside` (such as I^2). `rows` are its points, `closed` and `open` breakers that must be so, `alike` pairs of
    channels of which none may be below the last number times the other. `tightest` is the least share that learning
    may lead to; 0 forbids learning.
    """

    name: str
    what: str
    family: str
    place: str
    left: Ref
    right: Ref
    size: Ref
    rows: tuple[int, ...]
    unit: str
    worth: float
    share: float
    low: float = 0.0
    high: float = 0.0
    idle: float = 0.0
    along: Ref = ONE
    beside: Ref = ZERO
    skew_s: float = 0.0
    closed: tuple[int, ...] = ()
    open: tuple[int, ...] = ()
    alike: tuple[tuple[Ref, Ref, float], ...] = ()
    tightest: float = 0.0
