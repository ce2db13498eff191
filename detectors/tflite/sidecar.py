"""What stands beside a model: which points go in, what is usual, and from where on it is an alarm.

    model.tflite   the model
    model.json     {"format": "gridsentinel-model/1", "sha256": of model.tflite, "points": ["DEVICE.POINT", …],
                    "scale": usual error of each point in its unit, "threshold": …, "false_alarms": …, "trained": {…}}

`gridsentinel train` writes it. A model of the user's own may have one, or say the same in the configuration.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from math import isfinite
from typing import Any

FORMAT = "gridsentinel-model/1"
MOST_BYTES = 1024 * 1024
"""A sidecar of 4096 points has 200 kB."""


class BadSidecar(Exception):
    """The operator has a sidecar that is none, or that of another model."""


@dataclass(frozen=True, slots=True)
class Sidecar:
    """`points` str[n]; `scale` float[n], the usual error of each in its unit; `threshold` of the mean squared error.

    `false_alarms` is the share of normal rows above the threshold; `trained` what else the report has.
    """

    points: tuple[str, ...]
    scale: tuple[float, ...]
    threshold: float
    false_alarms: float | None = None
    trained: Mapping[str, Any] = field(default_factory=dict)


def written(sidecar: Sidecar, model: bytes) -> str:
    """Return the file beside `model`."""
    told = {
        "format": FORMAT,
        "sha256": sha256(model).hexdigest(),
        "points": sidecar.points,
        "scale": sidecar.scale,
        "threshold": sidecar.threshold,
        "false_alarms": sidecar.false_alarms,
        "trained": sidecar.trained,
    }
    return json.dumps(told, indent=1) + "\n"


def read(content: bytes, model: bytes) -> Sidecar:
    """Return what the file beside `model` says.

    Raises:
        BadSidecar: it is none, or belongs to another model.
    """
    if len(content) > MOST_BYTES:
        raise BadSidecar(f"sidecar of {len(content)} bytes is over {MOST_BYTES}")
    try:
        told = json.loads(content)
        if told["format"] != FORMAT:
            raise BadSidecar(f"format {told['format']!r:.40} is not {FORMAT}")
        if told["sha256"] != sha256(model).hexdigest():
            raise BadSidecar("it belongs to another model: sha256 differs; train again, or take it away")
        rate = told.get("false_alarms")
        return _sound(
            Sidecar(
                points=tuple(map(str, told["points"])),
                scale=tuple(map(_positive, told["scale"])),
                threshold=_positive(told["threshold"]),
                false_alarms=None if rate is None else float(rate),
                trained=dict(told.get("trained", {})),
            )
        )
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise BadSidecar(f"it is no sidecar of a model: {error!r:.100}") from error


def _sound(sidecar: Sidecar) -> Sidecar:
    names: Sequence[str] = sidecar.points
    if len(sidecar.scale) != len(names) or len(set(names)) != len(names):
        raise BadSidecar(f"{len(names)} points, each once, need {len(names)} scales; there are {len(sidecar.scale)}")
    return sidecar


def _positive(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value) or value <= 0:
        raise ValueError(f"{value!r:.40} is not a positive number")
    return float(value)
