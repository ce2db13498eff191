"""`gridsentinel train FILE RECORDING --output model.tflite`: a model of the plant as it was when it was well."""

import argparse
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np

from detectors.tflite.runtime import NoRuntime
from detectors.tflite.runtime import load as loaded
from detectors.tflite.sidecar import Sidecar, written
from gateway.cli.progress import Progress
from gateway.cli.times import moment, stretch
from gateway.config import Config, ConfigError
from gateway.config.loader import load
from gateway.recording.opened import opened
from gateway.recording.source import BadRecording, Source, Told, between
from gateway.training import report
from gateway.training.history import History, TooLittle, chosen, gathered
from gateway.training.lesson import Lesson, learn
from gateway.training.network import rebuilt
from protocols.model import Rows
from protocols.points import Points

WELL, FAILED, WRONG_USE, BAD_CONFIGURATION = 0, 1, 2, 78
AGREEMENT = 1e-5
"""How far the file may be from numpy, as a share of the value."""
COMPARED = 1000
"""Rows on which the file is compared."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("file", type=Path, metavar="FILE", help="configuration file with the points")
    parser.add_argument(
        "recording", type=Path, metavar="RECORDING", help="CSV, Parquet, a store.db, a state_dir, or its recording"
    )
    parser.add_argument(
        "--output", type=Path, required=True, metavar="MODEL", help="model.tflite; .json and .svg go beside it"
    )
    parser.add_argument("--points", nargs="+", default=["*"], metavar="PATTERN", help="DEVICE.POINT with * and ?")
    parser.add_argument("--from", dest="begin", type=moment, metavar="TIME", help="from then on (ISO 8601)")
    parser.add_argument("--to", dest="end", type=moment, metavar="TIME", help="until then")
    parser.add_argument(
        "--without", type=stretch, action="append", default=[], metavar="FROM/TO", help="leave out what was not normal"
    )
    parser.add_argument(
        "--false-alarms", type=float, default=0.001, metavar="SHARE", help="of normal moments above it (default 0.001)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Train; 0 when there is a model, 1 when not, 2 when the words are wrong, 78 when FILE is no configuration."""
    wrong = _wrong(arguments.false_alarms, arguments.output)
    if wrong:
        print(wrong, file=sys.stderr)
        return WRONG_USE
    try:
        config = load(arguments.file)
        return _trained(arguments, config)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return BAD_CONFIGURATION
    except (BadRecording, TooLittle, OSError) as error:
        print(error, file=sys.stderr)
    except ModuleNotFoundError as missing:
        print(f"training needs {missing.name}: pip install 'gridsentinel[train]'", file=sys.stderr)
    return FAILED


def _wrong(share: float, output: Path) -> str:
    """Return what is wrong with the words, before minutes are spent on them; nothing if they are well."""
    if not 0 < share < 0.5:
        return "--false-alarms is a share, more than 0 and less than 0.5"
    if output.suffix != ".tflite":
        return f"--output {output} does not end in .tflite; .json, .svg and .txt go beside it"
    return "" if output.parent.is_dir() else f"--output {output}: there is no folder {output.parent}"


def _trained(arguments: argparse.Namespace, config: Config) -> int:
    points = Points.of([(device, device.points) for device in config.devices])
    rows = chosen(points, arguments.points)
    with closing(opened(arguments.recording, points)) as source:
        history = _history(arguments, source, points, rows)
    progress = Progress("training")
    lesson = learn(history, false_alarms=arguments.false_alarms, progress=progress)
    progress.done()
    labels = [points.label(row) for row in rows.tolist()]
    text = report.page(lesson, history, labels, _agreement(lesson, history))
    _write(arguments.output, lesson, history, labels, text)
    print(text + f"written: {arguments.output}, with .json, .svg and .txt beside it")
    for note in source.notes:
        print(f"note: {note}")
    return WELL


def _history(arguments: argparse.Namespace, source: Source, points: Points, rows: Rows) -> History:
    progress = Progress("reading")

    def told() -> Iterator[Told]:
        for each in between(source.told(), arguments.begin, arguments.end):
            progress(source.share)
            yield each

    def left_out(time_ns: int) -> bool:
        return any(begin <= time_ns < end for begin, end in arguments.without)

    try:
        return gathered(told(), points, rows, without=left_out)
    finally:
        progress.done()


def _agreement(lesson: Lesson, history: History) -> str:
    """Return how far the file is from numpy in a runtime, if there is one here.

    Raises:
        TooLittle: it is not the same, so it is not written.
    """
    try:
        model = loaded(lesson.model)
    except NoRuntime:
        return "not compared: there is no runtime here (pip install 'gridsentinel[tflite]')"
    values = history.values[:: max(1, len(history.values) // COMPARED)].astype(np.float32).astype(np.float64)
    expected = rebuilt(lesson.network, lesson.scaling, values)
    made = np.stack([model.run(row) for row in values])
    apart = float(np.max(np.abs(made - expected) / np.maximum(np.abs(expected), lesson.scaling.scale)))
    if apart > AGREEMENT:
        raise TooLittle(f"the file differs from numpy by {apart:.1e} of a value; {AGREEMENT:.0e} is allowed")
    return f"the file makes the same of {len(values)} rows as numpy, within {apart:.1e} of a value"


def _write(output: Path, lesson: Lesson, history: History, labels: list[str], text: str) -> None:
    sidecar = Sidecar(
        points=tuple(labels),
        scale=tuple(lesson.usual.tolist()),
        threshold=lesson.threshold,
        false_alarms=lesson.false_alarms,
        trained=report.facts(lesson, history),
    )
    output.write_bytes(lesson.model)
    output.with_suffix(".json").write_text(written(sidecar, lesson.model))
    output.with_suffix(".svg").write_text(report.picture(lesson, history))
    output.with_suffix(".txt").write_text(text)
