"""Pairs of quantizers that follow each other are those that ONNX Runtime leaves of them."""

import numpy as np
import pytest

from accel.compiler.frontends.onnx.reader import read
from accel.compiler.graph.interpreter import run
from tests.support.networks.onnx.draw import Draw
from tests.support.oracles.onnx import one_by_one

SCALES = 2.0**-5, 2.0**-4, 0.03, 0.05, 0.02
KINDS = "alone", "after a Relu", "summed", "read twice", "beside a Relu", "of one scale"


class Pairs(Draw):
    """Two or three pairs in a row, where else their numbers may be read."""

    def __init__(self, kind: str, dtype: type, random: np.random.Generator) -> None:
        super().__init__(random)
        low = np.iinfo(dtype).min
        self.dtype, middle = dtype, low + 128
        self.ports["x"] = (4, 6, 6), np.dtype(np.float32)
        zeros = [middle + self.one_of(-128, -100, -3, 0, 5, 100, 127) for _ in range(4)]
        scales = [self.one_of(*SCALES) for _ in range(4)]
        if kind in ("of one scale", "beside a Relu"):
            scales, zeros = [scales[0]] * 4, [middle + 5] * 4
        quantizers = list(zip(scales, zeros, strict=True))
        real = first = self.pair("x", quantizers[0])
        if kind in ("after a Relu", "summed"):
            real = self.pair(self.add("Relu", [real]), quantizers[0])
        for quantizer in quantizers[: self.one_of(1, 2)]:
            real = self.pair(real, quantizer)
        if kind == "beside a Relu":
            other = self.pair(self.add("Relu", [first]), quantizers[0])
            real = self.add("Add", [real, other])
        elif kind == "summed":
            real = self.add("Add", [real, self.pair("x", quantizers[1])])
        elif kind == "read twice":
            real = self.add("Add", [real, self.pair(real, quantizers[3])])
        else:
            real = self.add("Relu", [real])
        self.outputs[self.pair(real, quantizers[2])] = np.dtype(np.float32)

    def pair(self, real: str, quantizer: tuple[float, int]) -> str:
        scale, zero = quantizer
        q = [self.constant(scale, np.float32), self.constant(zero, self.dtype)]
        return self.add("DequantizeLinear", [self.add("QuantizeLinear", [real, *q]), *q])


@pytest.mark.parametrize("dtype", [np.int8, np.uint8], ids=lambda dtype: dtype.__name__)
@pytest.mark.parametrize("kind", KINDS)
def test_no_element_differs_from_the_runtimes(kind, dtype):
    for seed in range(3):
        random = np.random.default_rng([seed, KINDS.index(kind)])
        data = Pairs(kind, dtype, random).bytes()
        x = {"x": random.uniform(-4, 4, (10, 4, 6, 6)).astype(np.float32)}
        (found,) = run(read(data, "m.onnx"), x).values()
        (expected,) = one_by_one(data, x)
        assert (found == expected).all()
