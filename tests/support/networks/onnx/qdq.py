"""Networks of float operators between QuantizeLinear and DequantizeLinear, put together by name.

Scales are drawn, so that no sum lies at an exact half of two codes: there, ONNX Runtime's own order
of float32 additions would decide.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import accel
from tests.support.oracles.onnx import one_by_one

BOARD = "ulx3s_85f"


class Qdq:
    """A network while it is put together: ``shape`` is its float32 input's, without the batch."""

    def __init__(
        self,
        shape: tuple[int, ...],
        *,
        dtype: type = np.int8,
        seed: int = 0,
        opset: int = 17,
        domain: str = "",
    ) -> None:
        self.random = np.random.default_rng(seed)
        self.shape, self.dtype, self.opset, self.domain = shape, np.dtype(dtype), opset, domain
        self.nodes: list[onnx.NodeProto] = []
        self.tensors: list[onnx.TensorProto] = []

    def name(self) -> str:
        return f"t{len(self.nodes) + len(self.tensors)}_"

    def constant(self, array: Any, dtype: type | None = None) -> str:
        self.tensors.append(numpy_helper.from_array(np.asarray(array, dtype), self.name()))
        return self.tensors[-1].name

    def four_bits(self, kind: int, values: np.ndarray) -> str:
        values = np.asarray(values)
        flat = values.reshape(-1).tolist()
        self.tensors.append(helper.make_tensor(self.name(), kind, values.shape, flat))
        return self.tensors[-1].name

    def add(
        self, operator: str, *inputs: str, outputs: int = 1, domain: str = "", **attributes: Any
    ) -> Any:
        names = [f"{self.name()}{index}" for index in range(outputs)]
        self.nodes.append(helper.make_node(operator, inputs, names, domain=domain, **attributes))
        return names[0] if outputs == 1 else names

    # Quantization, by drawn scales and zero points.

    def pair(self, scale: float | None = None) -> tuple[str, str]:
        """Names of a scale and a zero point; the scale is near 0.1 where it is not given."""
        scale = self.random.uniform(0.08, 0.12) if scale is None else scale
        zero = int(self.random.integers(-9, 10)) + 128 * (self.dtype == np.uint8)
        return self.constant(scale, np.float32), self.constant(zero, self.dtype.type)

    def quantize(self, x: str, pair: tuple[str, str], **attributes: Any) -> str:
        return self.add("QuantizeLinear", x, *pair, domain=self.domain, **attributes)

    def dequantize(self, x: str, *pair: str, **attributes: Any) -> str:
        return self.add("DequantizeLinear", x, *pair, domain=self.domain, **attributes)

    def both(self, x: str, scale: float | None = None) -> str:
        pair = self.pair(scale)
        return self.dequantize(self.quantize(x, pair), *pair)

    def input(self) -> str:
        return self.both("x", self.random.uniform(0.019, 0.021))

    def weights(self, *shape: int, axis: int | None = None) -> str:
        """Weights of int8, with a scale for each index along an axis if one is given."""
        codes = self.constant(self.random.integers(-127, 128, shape), np.int8)
        count = () if axis is None else (shape[axis],)
        scale = self.constant(self.random.uniform(0.008, 0.011, count), np.float32)
        zero = self.constant(np.zeros(count), np.int8)
        more = {} if axis is None else {"axis": axis}
        return self.dequantize(codes, scale, zero, **more)

    def numbers(self, *shape: int) -> str:
        return self.constant(self.random.uniform(-3, 3, shape), np.float32)

    # The whole.

    def model(self, x: str, scale: float | None = None) -> onnx.ModelProto:
        """The network that ends with ``x``, quantized."""
        pair = self.pair(scale)
        codes = self.quantize(x, pair)
        end = helper.make_node("DequantizeLinear", [codes, *pair], ["y"], domain=self.domain)
        graph = helper.make_graph(
            [*self.nodes, end],
            "qdq",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, *self.shape])],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
            self.tensors,
        )
        imports = [helper.make_opsetid("", self.opset), helper.make_opsetid("com.microsoft", 1)]
        return helper.make_model(graph, opset_imports=imports, ir_version=10)

    def samples(self, count: int = 4) -> np.ndarray:
        return self.random.uniform(-2.6, 2.4, (count, *self.shape)).astype(np.float32)


def built(build: Callable[[Qdq], str], shape: tuple[int, ...], **how: Any) -> tuple[Qdq, bytes]:
    """The network and its file's bytes; ``build`` is given it and returns its last tensor."""
    m = Qdq(shape, **how)
    model = m.model(build(m))
    return m, model.SerializeToString()


def check(path: Path, x: np.ndarray, level: str = "NONE") -> None:
    """Require that no element of the machine's answer on a file differs from the runtime's."""
    (expected,) = one_by_one(path.read_bytes(), {"x": x}, level)
    answer = accel.compile(path, board=BOARD).run(x, executor="machine").output
    assert answer.dtype == expected.dtype
    np.testing.assert_array_equal(answer, expected)
