"""The section of a model: which file, which points, which threshold; the file is read where the section is checked."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from hashlib import sha256
from pathlib import Path
from typing import Literal

from detectors.detector import Detector, DetectorConfig, Outlook
from detectors.tflite.detector import Judge, TfliteDetector
from detectors.tflite.runtime import BadModel, NoRuntime, load
from detectors.tflite.sidecar import MOST_BYTES, BadSidecar, Sidecar, read
from detectors.tflite.trial import tried
from protocols.point import SeverityWord
from protocols.points import Points
from protocols.settings import Fault, Field, settings

MODEL_MOST_BYTES = 16 * 1024 * 1024
"""Largest model file: it is handed to the daemon and lives in its memory; a trained one has 7 kB."""
ALL = ("*",)


@settings
class TfliteConfig(DetectorConfig):
    """Asks a model whether the readings of a group of points fit together."""

    detector: Literal["tflite"] = "tflite"
    points: tuple[str, ...] = Field(default=ALL, min_length=1)
    """Its inputs in their order: DEVICE.POINT with * and ?; all: those that the file beside the model names."""
    model_file: Path
    """The .tflite file; `gridsentinel train` writes one."""
    threshold: float | None = Field(default=None, gt=0)
    """Alarm above it: of the mean squared error, or of the one output; by default what the file beside it says."""
    kind: Literal["pattern_break", "outlier"] = "pattern_break"
    """What the alarm is called."""
    on_delay_s: float = Field(default=10.0, ge=0, le=86_400)
    """How long the threshold must be exceeded before the alarm; seconds."""
    off_delay_s: float = Field(default=60.0, ge=0, le=86_400)
    """How long it must be kept before the return to normal; seconds."""
    severity: SeverityWord = "warning"
    """Severity of the alarm."""

    @property
    def secret_files(self) -> tuple[str, ...]:
        """Keys of files that only this service may read: none, there is no secret in a model."""
        return ()

    def resolved(self) -> "tuple[TfliteConfig, Sequence[Fault]]":
        """Return it with its model, and what is wrong with that; when loading only."""
        if not self.enabled or not self.model_file.is_file():
            return self, ()  # a file that is not there is a fault already
        try:
            return self._loaded(), ()
        except (BadModel, BadSidecar, NoRuntime) as error:
            return self, ((("model_file",), f"{self.model_file}: {error}"),)
        except OSError as error:
            return self, ((("model_file",), f"{self.model_file}: {error.strerror}"),)

    def build(self, points: Points) -> Detector:  # noqa: ARG002 - of those that are resolved
        """Refuse: without `resolved` there is no model."""
        raise TypeError(f"{self.model_file} was not read: build what resolved() returns")

    def _loaded(self) -> "LoadedModel":
        content = _bounded(self.model_file, MODEL_MOST_BYTES)
        beside = self.model_file.with_suffix(".json")
        sidecar = read(_bounded(beside, MOST_BYTES), content) if beside.is_file() else None
        inputs, outputs = tried(content)
        if outputs not in (1, inputs):
            raise BadModel(
                f"the model makes {outputs} of {inputs} values; allowed are {inputs} (what fits) or 1 (a score)"
            )
        if sidecar is not None and len(sidecar.points) != inputs:
            raise BadSidecar(f"{beside.name} names {len(sidecar.points)} points, the model takes {inputs}")
        if self.threshold is None and sidecar is None:
            raise BadModel(f"there is no {beside.name} beside it, so threshold must be given")
        if self.points == ALL and sidecar is None and inputs == 1:
            raise BadModel("a model of one input needs its point named in points")
        return LoadedModel.of(self, content, inputs=inputs, outputs=outputs, sidecar=sidecar)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedModel(TfliteConfig):
    """The section with the bytes of its model, as the daemon gets it: it reads no file."""

    content: bytes = field(repr=False)
    digest: str
    """SHA-256 of the content: the state of a detector with another model is none for this one."""
    inputs: int
    outputs: int
    sidecar: Sidecar | None = None

    @classmethod
    def of(
        cls, section: TfliteConfig, content: bytes, *, inputs: int, outputs: int, sidecar: Sidecar | None = None
    ) -> "LoadedModel":
        """Return `section` with its model."""
        keys = {key.name: getattr(section, key.name) for key in fields(section)}
        digest = sha256(content).hexdigest()
        return cls(**keys, content=content, digest=digest, inputs=inputs, outputs=outputs, sidecar=sidecar)

    def unfit(self, points: Points) -> Iterator[Fault]:
        """Yield what does not fit between the model and the points of the configuration."""
        rows, unknown = self.rows(points)
        if unknown:
            yield ("points",), f"{self.model_file}: its input {unknown[0]} is no point of this configuration"
        elif len(rows) != self.inputs:
            yield ("points",), f"{self.model_file} takes {self.inputs} values, points names {len(rows)}"
        elif len(set(rows)) != len(rows):
            yield ("points",), f"{self.model_file}: points names {points.label(_twice(rows))} twice"

    def outlook(self, points: Points) -> Sequence[Outlook]:  # noqa: ARG002 - they fit, or `unfit` has said so
        """Tell what the model watches."""
        return (Outlook("tflite", self.model_file.stem, possible=True, text=f"judges {self.inputs} points together"),)

    def build(self, points: Points) -> Detector:
        """Make the detector for the points that the model takes."""
        rows, _ = self.rows(points)
        threshold = self.threshold or (self.sidecar.threshold if self.sidecar else 1.0)
        scale = self.sidecar.scale if self.sidecar and self.outputs == self.inputs else (1.0,) * self.inputs
        judge = Judge(load(self.content), scale, threshold)
        return TfliteDetector(points, rows, judge, self)

    def rows(self, points: Points) -> tuple[tuple[int, ...], tuple[str, ...]]:
        """Return the rows of the inputs in the model's order, and the names that no point has."""
        patterns = self.sidecar.points if self.sidecar is not None and self.points == ALL else self.points
        rows: list[int] = []
        unknown: list[str] = []
        index = {points.label(row): row for row in range(len(points))}
        for pattern in patterns:
            found = [index[pattern]] if pattern in index else points.matching((pattern,)).tolist()
            rows += found
            unknown += [] if found else [pattern]
        return tuple(rows), tuple(unknown)


def _bounded(path: Path, most: int) -> bytes:
    with path.open("rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise BadModel(f"{path.name} is over {most} bytes")
    return content


def _twice(rows: Sequence[int]) -> int:
    return next(row for row in rows if rows.count(row) > 1)
