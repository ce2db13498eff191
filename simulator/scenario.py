"""What happens in the simulated substation and when: a list of steps in YAML, checked as a whole."""

from collections.abc import Iterator, Mapping
from dataclasses import fields
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import Field, TypeAdapter, ValidationError, model_validator

from protocols.settings import Name, settings
from simulator.load import DAY_S, HOUR_S
from simulator.steps import STEPS, AnyStep

FOLDER = Path(__file__).parent / "scenarios"
MAX_BYTES = 65_536
"""A scenario is a page of text; anything longer is the wrong file."""


class ScenarioError(Exception):
    """The author of the scenario reacts: says every fault of it, one a line."""


@settings
class Scenario:
    """Keys of a scenario file. Its seconds are simulated ones; at speed 1 they are real."""

    name: Name
    """What it is called."""
    about: str = Field("", max_length=500)
    """What it shows, in a sentence."""
    seed: int = Field(1, ge=0)
    """The same seed gives the same values."""
    start_hour: float = Field(10.0, ge=0, lt=24)
    """Simulated time of day at the start."""
    speed: float = Field(1.0, gt=0, le=10_000)
    """Simulated seconds a real second."""
    renew_s: float = Field(0.0, ge=0, le=60)
    """How often instruments renew what they show, in simulated seconds; 0: as often as the simulator can."""
    repeat_s: Annotated[float, Field(gt=0, le=DAY_S)] | None = None
    """Starts again after so many seconds; never by default."""
    steps: Annotated[tuple[AnyStep, ...], Field(max_length=1000)] = ()
    """What happens."""

    @model_validator(mode="after")
    def _within(self) -> "Scenario":
        for step in self.steps:
            if self.repeat_s is not None and step.end_s > self.repeat_s:
                raise ValueError(f"step '{step.text}' ends at {step.end_s:g} s, after repeat_s {self.repeat_s:g}")
        return self

    @property
    def start_s(self) -> float:
        """Seconds since midnight at the start."""
        return self.start_hour * HOUR_S

    def phase(self, time_s: float) -> float:
        """Return how far the present pass is `time_s` seconds after the start."""
        return time_s if self.repeat_s is None else time_s % self.repeat_s

    def active(self, time_s: float) -> tuple[AnyStep, ...]:
        """Return the steps that are under way `time_s` seconds after the start."""
        phase = self.phase(time_s)
        return tuple(step for step in self.steps if step.at_s <= phase < step.end_s)


def names() -> list[str]:
    """Return the scenarios that come with the simulator."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def load(scenario: str, **instead: float) -> Scenario:
    """Read a scenario by its name, or from a file if `scenario` ends in .yaml; `instead` are other values of its keys.

    Raises:
        ScenarioError: there is none of this name, or something is wrong in it.
    """
    path = Path(scenario) if scenario.endswith((".yaml", ".yml")) else FOLDER / f"{scenario}.yaml"
    if path.parent == FOLDER and path.stem not in names():
        raise ScenarioError(f"no scenario '{scenario}'{_meant(scenario, names())}; there are {', '.join(names())}")
    try:
        text = path.read_bytes()[: MAX_BYTES + 1]
    except OSError as error:
        raise ScenarioError(f"{path}: {error.strerror}") from error
    return parse(text, path.name, **instead)


def parse(text: str | bytes, source: str, **instead: float) -> Scenario:
    """Check the YAML `text` of a scenario; `source` is what errors call it, `instead` are other values of its keys.

    Raises:
        ScenarioError: every fault, one a line.
    """
    if len(text) > MAX_BYTES:
        raise ScenarioError(f"{source}: longer than {MAX_BYTES} bytes, which no scenario is")
    try:
        data = yaml.safe_load(text)
        return _ADAPTER.validate_python({**data, **instead} if isinstance(data, dict) else data)
    except yaml.YAMLError as error:
        raise ScenarioError(f"{source}: {' '.join(str(error).split())}") from error
    except ValidationError as error:
        faults = (_fault(found) for found in error.errors(include_url=False))
        raise ScenarioError("\n".join(f"{source}: {fault}" for fault in faults)) from error


_ADAPTER = TypeAdapter(Scenario)
_CLASSES: tuple[Any, ...] = (Scenario, *STEPS.values())
_KEYS = {field.name for cls in _CLASSES for field in fields(cls)}


def _fault(error: Mapping[str, Any]) -> str:
    path = "".join(_path(error["loc"])).removeprefix(".")
    match error["type"]:
        case "unexpected_keyword_argument":
            key = str(error["loc"][-1])
            return f"{path}: unknown key '{key}'{_meant(key, sorted(_KEYS))}"
        case "union_tag_invalid":
            word = str(error["ctx"]["tag"])
            return f"{path}: do: '{word}' is no step{_meant(word, list(STEPS))}; there are {', '.join(STEPS)}"
        case "union_tag_not_found":
            return f"{path}: a step needs 'do': one of {', '.join(STEPS)}"
        case "dataclass_type":
            return f"{path}: not a mapping of keys to values".removeprefix(": ")
        case _:
            return f"{path}: {error['msg'].removeprefix('Value error, ')}".removeprefix(": ")


def _path(places: tuple[str | int, ...]) -> Iterator[str]:
    for before, place in zip((None, *places), places, strict=False):
        if isinstance(place, int):
            yield f"[{place}]"
        elif not isinstance(before, int) or place not in STEPS:  # pydantic adds the word of the union to the path
            yield f".{place}"


def _meant(word: str, known: list[str]) -> str:
    close = get_close_matches(word, known, 1)
    return f", did you mean '{close[0]}'?" if close else ""
