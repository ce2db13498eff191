"""What the API takes and gives: each answer a class, which makes its JSON and its schema."""

from typing import Any

import msgspec

Object = dict[str, Any]
"""What the status socket says, too; docs/operations.md tells what is in it."""


class Said(msgspec.Struct, kw_only=True, gc=False, tag_field="v", tag=1):
    """Every answer bears its version, `v`."""


class Fault(Said):
    """Why there is no other answer."""

    error: str


class Entered(Said):
    """Who has logged in, and what he may do."""

    user: str
    may: str


class Session(Said):
    """Who has logged in, and where."""

    user: str
    may: str
    site: str
    gateway: str
    version: str


class Health(Said):
    """How the gateway is: a word, 0 to 100, and the reasons for less."""

    state: str
    health: int
    why: list[str]


class Point(msgspec.Struct, kw_only=True, gc=False):
    """One point of the configuration; it is read every `every_s` seconds."""

    id: str
    device: str
    name: str
    unit: str
    type: str
    every_s: float
    use: str
    role: Object | None
    limits: Object | None


class Points(Said):
    """The catalogue, in the order of rows, from row `from`; the same `revision` has the same points."""

    revision: str
    start: int = msgspec.field(name="from")
    count: int
    points: list[Point]


class Values(Said):
    """The last readings, in the order of the catalogue, null where there is none; `q` are flags, 0 is good."""

    revision: str
    start: int = msgspec.field(name="from")
    count: int
    time: str | None
    values: list[float | None]
    q: list[int]
    age_s: list[float | None]


class Trend(Said):
    """One point in steps of `step_s` seconds, the first from `start`; null where nothing was read."""

    id: str
    unit: str
    start: str | None
    step_s: float
    mean: list[float | None]
    min: list[float | None]
    max: list[float | None]
    q: list[int]


class Alarms(Said):
    """Alarms that are not normal, what is to be done first; `count` is how many there are in all."""

    count: int
    alarms: list[Object]


class Incidents(Said):
    """The most urgent incidents."""

    incidents: list[Object]


class Value(msgspec.Struct, kw_only=True, gc=False):
    """A measured value of a diagram: its row in the catalogue, and what it is."""

    row: int
    quantity: str | None
    phase: str | None


class Bay(msgspec.Struct, kw_only=True):
    """A bay, or a side of a transformer: rows of its breakers, and its values."""

    name: str | None
    bus: str | None
    breakers: list[int]
    values: list[Value]


class Bus(msgspec.Struct, kw_only=True):
    """A bus section; `name` is null for bays that name none. `values` and `breakers` are its own."""

    name: str | None
    bays: list[Bay]
    breakers: list[int]
    values: list[Value]


class Transformer(msgspec.Struct, kw_only=True):
    """A transformer; `values` and `breakers` are those that name no side."""

    name: str
    hv: Bay
    lv: Bay
    breakers: list[int]
    values: list[Value]


class Other(msgspec.Struct, kw_only=True):
    """Points of a device that have no place in the diagram."""

    device: str
    rows: list[int]


class Diagram(Said):
    """The one-line diagram, from the roles of the points."""

    revision: str
    buses: list[Bus]
    transformers: list[Transformer]
    other: list[Other]


class Done(Said):
    """What became of a command; `stored` is false where the disk has not said yet that it is there."""

    alarm: str
    state: str
    stored: bool = True


class Login(msgspec.Struct, forbid_unknown_fields=True):
    """The token of a user."""

    token: str


class Which(msgspec.Struct, forbid_unknown_fields=True):
    """The alarm that is meant, by its id."""

    alarm: str


class Shelve(msgspec.Struct, forbid_unknown_fields=True):
    """The alarm that is meant, and until when, as ISO 8601."""

    alarm: str
    until: str
