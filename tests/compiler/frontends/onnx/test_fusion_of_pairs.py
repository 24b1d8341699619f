"""Pairs of quantizers of one scale that follow each other: sums are fused as of a single pair."""

import numpy as np
import pytest

from accel.compiler.frontends.onnx.reader import read
from accel.compiler.graph.interpreter import run
from tests.support.networks.onnx.draw import Draw
from tests.support.oracles.onnx import one_by_one

KINDS = "once", "beside a Relu", "read twice", "both", "after a Relu"


class Pairs(Draw):
    """A sum of numbers of which some were quantized twice in a row."""

    def __init__(self, kind: str, dtype: type) -> None:
        super().__init__(np.random.default_rng(KINDS.index(kind)))
        self.dtype, offset = dtype, 128 * (dtype == np.uint8)
        self.ports["x"] = (4, 6, 6), np.dtype(np.float32)
        self.quantizer, result = (2.0**-5, 5 + offset), (2.0**-4, -3 + offset)
        first = self.pair("x", self.quantizer)
        again = self.pair(first, self.quantizer)
        if kind == "once":
            self.ports["w"] = self.ports["x"]
            other = self.pair("w", self.quantizer)
        elif kind == "beside a Relu":
            other = self.pair(self.add("Relu", [first]), self.quantizer)
        elif kind == "read twice":
            other = first
        elif kind == "both":
            other = self.pair(first, self.quantizer)
        else:
            other = self.pair(self.add("Relu", [again]), self.quantizer)
        real = self.add("Add", [again, other])
        self.outputs[self.pair(real, result)] = np.dtype(np.float32)

    def pair(self, real: str, quantizer: tuple[float, int]) -> str:
        scale, zero = quantizer
        q = [self.constant(scale, np.float32), self.constant(zero, self.dtype)]
        return self.add("DequantizeLinear", [self.add("QuantizeLinear", [real, *q]), *q])


@pytest.mark.parametrize("dtype", [np.int8, np.uint8], ids=lambda dtype: dtype.__name__)
@pytest.mark.parametrize("kind", KINDS)
def test_no_element_differs_from_the_runtimes(kind, dtype):
    data = Pairs(kind, dtype).bytes()
    graph, random = read(data, "m.onnx"), np.random.default_rng(1)
    x = {name: random.uniform(-4, 4, (10, 4, 6, 6)).astype(np.float32) for name in graph.inputs}
    (found,) = run(graph, x).values()
    (expected,) = one_by_one(data, x)
    assert (found == expected).all()
