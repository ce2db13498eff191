"""A model is tried in a process of its own before anybody relies on it: a file that kills the runtime kills that one.

standard input: the model; standard output: {"inputs": n, "outputs": m}, or {"bad": why}, or {"missing": why}
"""

import json
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from detectors.tflite.runtime import BadModel, NoRuntime, load

PATIENCE_S = 60.0
"""A small model is loaded in 0.2 s; a memory card may take its time."""
PROGRAM = "from detectors.tflite.trial import answer; answer()"


def tried(content: bytes) -> tuple[int, int]:
    """Return how many values go into the model and come out.

    Raises:
        BadModel: it is none, or none that can be used; or it was the end of the process that tried it.
        NoRuntime: nothing here can run one.
    """
    command = (sys.executable, "-P", "-c", PROGRAM)
    try:
        done = subprocess.run(command, input=content, capture_output=True, check=False, timeout=PATIENCE_S)  # noqa: S603
    except subprocess.TimeoutExpired as error:
        raise BadModel(f"the model has not been loaded after {PATIENCE_S:g} s") from error
    if done.returncode:
        raise BadModel(f"the model ends the program that loads it, with code {done.returncode}")
    told: Mapping[str, Any] = json.loads(done.stdout)
    if "missing" in told:
        raise NoRuntime(told["missing"])
    if "bad" in told:
        raise BadModel(told["bad"])
    return told["inputs"], told["outputs"]


def answer() -> None:
    """Try the model on standard input and say what it is; in the other process."""
    try:
        model = load(sys.stdin.buffer.read())
        told: Mapping[str, Any] = {"inputs": model.inputs, "outputs": model.outputs}
    except BadModel as error:
        told = {"bad": str(error)}
    except NoRuntime as error:
        told = {"missing": str(error)}
    json.dump(told, sys.stdout)
