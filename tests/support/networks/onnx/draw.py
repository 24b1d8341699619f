"""What random ONNX models of one operator are put together of: choices, quantizations, ends."""

from typing import Any

import numpy as np
from onnx import helper, numpy_helper

from tests.support.networks.onnx.operators import ELEMENTS, MICROSOFT

OPSET = 20  # the first that has Gelu
SAMPLES = 24


class Draw:
    """A model while it is drawn."""

    def __init__(self, random: np.random.Generator) -> None:
        self.random = random
        self.nodes: list[Any] = []
        self.constants: dict[str, np.ndarray] = {}
        self.ports: dict[str, tuple[tuple[int, ...], np.dtype]] = {}
        self.outputs: dict[str, np.dtype] = {}
        self.codes_in = bool(random.random() < 0.4)
        self.scale = 1.0  # of what was quantized last
        self.opset = OPSET
        self.exact = bool(random.random() < 0.6)

    # Choices.

    def one_of(self, *values: Any) -> Any:
        return values[self.random.integers(len(values))]

    def chance(self, share: float) -> bool:
        return bool(self.random.random() < share)

    def size(self, low: int, high: int) -> int:
        return int(self.random.integers(low, high + 1))

    def dtype(self) -> type:
        return self.one_of(np.int8, np.uint8)

    def scale_near(self, real: float) -> float:
        """A scale about a number: a power of two, or any."""
        near = float(real * np.exp(self.random.uniform(-0.7, 0.7)))
        return float(2.0 ** np.rint(np.log2(near))) if self.exact else float(np.float32(near))

    # Parts of a model.

    def name(self, stem: str) -> str:
        return f"{stem}{len(self.nodes)}_{len(self.constants)}"

    def constant(self, value: Any, dtype: type) -> str:
        name = self.name("c")
        self.constants[name] = np.asarray(value, dtype)
        return name

    def add(self, operator: str, inputs: list[str], domain: str = "", **attributes: Any) -> str:
        output = self.name("t")
        node = helper.make_node(operator, inputs, [output], domain=domain, **attributes)
        self.nodes.append(node)
        return output

    def quantization(self, scale: float, dtype: type) -> list[str]:
        limits = np.iinfo(dtype)
        middle = 0 if dtype == np.int8 else 128
        zero = self.random.integers(limits.min, limits.max + 1)
        if self.chance(0.5):  # an odd one near the middle tells how halves are rounded
            zero = self.one_of(limits.min, middle, middle + 1, middle - 3)
        return [self.constant(scale, np.float32), self.constant(zero, dtype)]

    def coded(self, shape: tuple[int, ...], dtype: type) -> tuple[str, list[str]]:
        """An input of codes, and its quantization."""
        self.scale = self.scale_near(0.05)
        name = f"x{len(self.ports)}"
        self.ports[name] = shape, np.dtype(dtype)
        return name, self.quantization(self.scale, dtype)

    def real(self, shape: tuple[int, ...], dtype: type) -> str:
        """A quantized input as real numbers."""
        if self.codes_in:
            name, q = self.coded(shape, dtype)
            return self.add("DequantizeLinear", [name, *q])
        self.scale = self.scale_near(0.05)
        name, q = f"x{len(self.ports)}", self.quantization(self.scale, dtype)
        self.ports[name] = shape, np.dtype(np.float32)
        real = self.add("DequantizeLinear", [self.add("QuantizeLinear", [name, *q]), *q])
        if self.chance(0.2):  # a reader of its own
            self.end(self.add("Abs", [real]), 0.05, dtype)
        return real

    def end(self, real: str, scale: float, dtype: type) -> None:
        """Quantize real numbers, to an output of codes or of real numbers."""
        q = self.quantization(self.scale_near(scale), dtype)
        codes = self.add("QuantizeLinear", [real, *q])
        if self.codes_in:
            self.outputs[codes] = np.dtype(dtype)
        else:
            self.outputs[self.add("DequantizeLinear", [codes, *q])] = np.dtype(np.float32)

    def whole(self, output: str, dtype: type) -> None:
        self.outputs[output] = np.dtype(dtype)

    def bytes(self) -> bytes:
        values = [
            helper.make_tensor_value_info(name, ELEMENTS[dtype], [1, *shape])
            for name, (shape, dtype) in self.ports.items()
        ]
        outputs = [
            helper.make_tensor_value_info(name, ELEMENTS[dtype], None)
            for name, dtype in self.outputs.items()
        ]
        constants = [numpy_helper.from_array(a, name) for name, a in self.constants.items()]
        graph = helper.make_graph(self.nodes, "single", values, outputs, constants)
        opsets = [helper.make_opsetid("", self.opset), helper.make_opsetid(MICROSOFT, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=9).SerializeToString()

    def inputs(self) -> dict[str, np.ndarray]:
        """Samples: codes of the whole range, real numbers somewhat beyond it."""
        found = {}
        for name, (shape, dtype) in self.ports.items():
            if dtype == np.float32:
                found[name] = self.random.normal(0, 3, (SAMPLES, *shape)).astype(np.float32)
            else:
                limits = np.iinfo(dtype)
                found[name] = self.random.integers(
                    limits.min, limits.max + 1, (SAMPLES, *shape), dtype
                )
        return found
