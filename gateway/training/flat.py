"""A network as a .tflite file: the flat buffer of a TensorFlow Lite model, schema version 3, made without TensorFlow.

    input ─ SUB mean ─ MUL 1/(8 scale), -1 to 1 ─ FULLY_CONNECTED, ReLU ─ FC ─ FC, ReLU ─ FC ─ ADD mean ─ output

The file takes readings in their units and gives readings in their units, float32[1, n] both. The clip is the activation
of the MUL, so what it divides by is folded into the first layer, as the scale is into the last one. The mean is folded
into neither: x - mean is exact in float32 wherever x is near its mean (Sterbenz), whereas W x + b' with a folded mean
loses three digits of a voltage of 110,000 V that moves by 50.
Weights lie as [out, in]; buffer 0 is empty, as the schema asks; the others are aligned to 16 bytes for vector units.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gateway.training.network import CLIP, Network, Scaling, rectified

if TYPE_CHECKING:
    from flatbuffers import Builder

SCHEMA_VERSION, FILE_ID, ALIGNMENT = 3, b"TFL3", 16
ADD, FULLY_CONNECTED, MUL, SUB = 0, 9, 18, 41
"""Numbers of `BuiltinOperator` in the schema."""
NONE, RELU, RELU_N1_TO_1 = 0, 1, 2
"""Numbers of `ActivationFunctionType`."""
OPERATORS = (SUB, MUL, FULLY_CONNECTED, ADD)


def flat(network: Network, scaling: Scaling) -> bytes:
    """Return the file that does what `network` does between `scaling` and its inverse.

    Raises:
        ModuleNotFoundError: the packages flatbuffers and tflite are not installed (extra `train`).
    """
    import tflite  # noqa: PLC0415 - extras are imported when they are used
    from flatbuffers import Builder  # noqa: PLC0415

    return _Writer(tflite, Builder(16 * 1024), network, scaling).written()


def folded(network: Network, scaling: Scaling) -> tuple[Sequence[NDArray[np.float64]], Sequence[NDArray[np.float64]]]:
    """Return the weights and biases of the layers between what was clipped, -1 to 1, and y - mean."""
    weights = [layer.astype(np.float64) for layer in network.weights]
    biases = [layer.astype(np.float64) for layer in network.biases]
    weights[0] = weights[0] * CLIP
    weights[-1] = weights[-1] * scaling.scale[:, None]
    biases[-1] = biases[-1] * scaling.scale
    return weights, biases


class _Writer:
    """Writes the parts in the order in which a flat buffer needs them: what is pointed to comes first."""

    def __init__(self, api: Any, builder: "Builder", network: Network, scaling: Scaling) -> None:
        self._api, self._to, self._width = api, builder, len(scaling.mean)
        self._weights, self._biases = folded(network, scaling)
        self._mean, self._scale = scaling.mean, scaling.scale
        self._buffers = [self._buffer(b"")]
        self._tensors: list[int] = []
        self._operators: list[int] = []

    def written(self) -> bytes:
        """Return the file."""
        subgraph = self._subgraph()
        codes = []
        for number in OPERATORS:
            self._api.OperatorCodeStart(self._to)
            self._api.OperatorCodeAddDeprecatedBuiltinCode(self._to, number)
            self._api.OperatorCodeAddVersion(self._to, 1)
            self._api.OperatorCodeAddBuiltinCode(self._to, number)
            codes.append(self._api.OperatorCodeEnd(self._to))
        description = self._to.CreateString("gridsentinel")
        listed = [self._offsets(each) for each in (codes, [subgraph], self._buffers)]
        self._api.ModelStart(self._to)
        self._api.ModelAddVersion(self._to, SCHEMA_VERSION)
        self._api.ModelAddOperatorCodes(self._to, listed[0])
        self._api.ModelAddSubgraphs(self._to, listed[1])
        self._api.ModelAddDescription(self._to, description)
        self._api.ModelAddBuffers(self._to, listed[2])
        self._to.Finish(self._api.ModelEnd(self._to), FILE_ID)
        return bytes(self._to.Output())

    def _subgraph(self) -> int:
        given = self._tensor("input", (1, self._width))
        mean = self._constant("mean", self._mean)
        moved = self._pointwise(SUB, given, mean, "deviation")
        here = self._pointwise(MUL, moved, self._constant("shrink", 1 / (CLIP * self._scale)), "clipped")
        for k, (weights, bias) in enumerate(zip(self._weights, self._biases, strict=True)):
            here = self._layer(here, k, weights, bias)
        last = self._pointwise(ADD, here, mean, "output")
        name = self._to.CreateString("main")
        inputs, outputs = self._numbers([given]), self._numbers([last])
        tensors, operators = self._offsets(self._tensors), self._offsets(self._operators)
        self._api.SubGraphStart(self._to)
        self._api.SubGraphAddTensors(self._to, tensors)
        self._api.SubGraphAddInputs(self._to, inputs)
        self._api.SubGraphAddOutputs(self._to, outputs)
        self._api.SubGraphAddOperators(self._to, operators)
        self._api.SubGraphAddName(self._to, name)
        return int(self._api.SubGraphEnd(self._to))

    def _layer(self, given: int, k: int, weights: NDArray[np.float64], bias: NDArray[np.float64]) -> int:
        inputs = [given, self._constant(f"weights{k}", weights), self._constant(f"bias{k}", bias)]
        out = self._tensor(f"layer{k}", (1, len(bias)))
        self._api.FullyConnectedOptionsStart(self._to)
        self._api.FullyConnectedOptionsAddFusedActivationFunction(self._to, RELU if rectified(k) else NONE)
        options = self._api.FullyConnectedOptionsEnd(self._to)
        self._operator(FULLY_CONNECTED, inputs, out, self._api.BuiltinOptions.FullyConnectedOptions, options)
        return out

    def _pointwise(self, operator: int, left: int, right: int, name: str) -> int:
        out = self._tensor(name, (1, self._width))
        kinds = self._api.BuiltinOptions
        if operator == MUL:
            self._api.MulOptionsStart(self._to)
            self._api.MulOptionsAddFusedActivationFunction(self._to, RELU_N1_TO_1)
            kind, options = kinds.MulOptions, self._api.MulOptionsEnd(self._to)
        elif operator == ADD:
            self._api.AddOptionsStart(self._to)
            kind, options = kinds.AddOptions, self._api.AddOptionsEnd(self._to)
        else:
            self._api.SubOptionsStart(self._to)
            kind, options = kinds.SubOptions, self._api.SubOptionsEnd(self._to)
        self._operator(operator, [left, right], out, kind, options)
        return out

    def _operator(self, number: int, inputs: Sequence[int], out: int, kind: int, options: int) -> None:
        taken, given = self._numbers(inputs), self._numbers([out])
        self._api.OperatorStart(self._to)
        self._api.OperatorAddOpcodeIndex(self._to, OPERATORS.index(number))
        self._api.OperatorAddInputs(self._to, taken)
        self._api.OperatorAddOutputs(self._to, given)
        self._api.OperatorAddBuiltinOptionsType(self._to, kind)
        self._api.OperatorAddBuiltinOptions(self._to, options)
        self._operators.append(int(self._api.OperatorEnd(self._to)))

    def _constant(self, name: str, values: NDArray[np.float64]) -> int:
        self._buffers.append(self._buffer(values.astype("<f4").tobytes()))
        return self._tensor(name, values.shape, len(self._buffers) - 1)

    def _tensor(self, name: str, shape: Sequence[int], buffer: int = 0) -> int:
        called, sizes = self._to.CreateString(name), self._numbers(shape)
        self._api.TensorStart(self._to)
        self._api.TensorAddShape(self._to, sizes)
        self._api.TensorAddBuffer(self._to, buffer)
        self._api.TensorAddName(self._to, called)
        self._tensors.append(int(self._api.TensorEnd(self._to)))
        return len(self._tensors) - 1

    def _buffer(self, content: bytes) -> int:
        at = self._aligned(content) if content else None
        self._api.BufferStart(self._to)
        if at is not None:
            self._api.BufferAddData(self._to, at)
        return int(self._api.BufferEnd(self._to))

    def _aligned(self, content: bytes) -> int:
        self._to.StartVector(1, len(content), ALIGNMENT)
        head = self._to.head - len(content)
        self._to.head = head
        self._to.Bytes[head : head + len(content)] = content
        return int(self._to.EndVector())

    def _numbers(self, numbers: Sequence[int]) -> int:
        self._to.StartVector(4, len(numbers), 4)
        for number in reversed(numbers):
            self._to.PrependInt32(int(number))
        return int(self._to.EndVector())

    def _offsets(self, offsets: Sequence[int]) -> Any:
        self._to.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            self._to.PrependUOffsetTRelative(offset)
        return self._to.EndVector()
