"""Whichever TensorFlow Lite runtime works here, and a model in it: `float32[n]` in, `float32[m]` out.

ai-edge-litert has wheels for Python 3.10 to 3.14 on x86_64 and aarch64 and knows numpy 2. tflite-runtime has one for
armv7l, but none past Python 3.11, and with numpy 2 it can be imported and not be used: so a runtime counts as working
when it has loaded the model, not before.
"""

from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

RUNTIMES = ("ai_edge_litert.interpreter", "tflite_runtime.interpreter")
MISSING = "no TensorFlow Lite runtime works here: pip install 'gridsentinel[tflite]'"
MOST_VALUES = 4096
"""Widest input or output; the widest group of points that a station has is some hundred."""


class BadModel(Exception):
    """The operator named a file that is no model, or one that cannot be fed with a row of readings."""


class NoRuntime(Exception):
    """The operator has to install a runtime; says which were tried, and what they said."""


class Model:
    """A loaded model. `inputs` and `outputs` are how many values go in and come out."""

    def __init__(self, interpreter: Any) -> None:
        self._interpreter = interpreter
        self._given, self.inputs = _only(interpreter.get_input_details(), "input")
        self._made, self.outputs = _only(interpreter.get_output_details(), "output")
        self._shape = tuple(int(size) for size in self._given["shape"])

    def run(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return float64[outputs] for `values` float64[inputs]."""
        self._interpreter.set_tensor(self._given["index"], values.astype(np.float32).reshape(self._shape))
        self._interpreter.invoke()
        made: NDArray[np.float64] = self._interpreter.get_tensor(self._made["index"]).astype(np.float64).reshape(-1)
        return made


def load(content: bytes) -> Model:
    """Return the model that `content`, a whole file, holds.

    Raises:
        BadModel: it is none, or none that takes one row of numbers.
        NoRuntime: nothing here can run one.
    """
    said: list[str] = []
    for name, make in _runtimes(said):
        try:
            interpreter = make(content)
            interpreter.allocate_tensors()
            interpreter.invoke()
        except (ValueError, RuntimeError) as error:
            raise BadModel(f"{name} refuses the model: {_line(error)}") from error
        except Exception as error:  # noqa: BLE001 - a runtime that does not fit this numpy fails in ways of its own
            said.append(f"{name}: {_line(error)}")
            continue
        return Model(interpreter)
    raise NoRuntime(f"{MISSING} ({'; '.join(said)})")


def _runtimes(said: list[str]) -> Iterator[tuple[str, Callable[[bytes], Any]]]:
    """Yield the runtimes that can be imported: what they are called, and what makes an interpreter."""
    for module in RUNTIMES:
        name = module.partition(".")[0]
        try:
            found = import_module(module)
        except Exception as error:  # noqa: BLE001 - a wheel for another numpy raises anything
            said.append(f"{name}: {_line(error)}")
        else:
            yield name, partial(_made, found)


def _made(module: Any, content: bytes) -> Any:
    """Make an interpreter without helpers: one row of some dozen numbers is sooner done than handed to a delegate."""
    plain = module.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    return module.Interpreter(model_content=content, num_threads=1, experimental_op_resolver_type=plain)


def _only(details: list[dict[str, Any]], what: str) -> tuple[dict[str, Any], int]:
    """Return the one input or output, and how many values it has."""
    if len(details) != 1:
        raise BadModel(f"the model has {len(details)} {what}s; one is allowed")
    shape, kind = [int(size) for size in details[0]["shape"]], np.dtype(details[0]["dtype"])
    if kind != np.float32:
        raise BadModel(f"the {what} of the model is {kind}; float32 is allowed")
    if prod(shape[:-1]) != 1 or not 1 <= prod(shape) <= MOST_VALUES:
        raise BadModel(f"the {what} of the model has shape {shape}; allowed is one row, [1, n], of 1 to {MOST_VALUES}")
    return details[0], prod(shape)


def _line(error: BaseException) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:200]
