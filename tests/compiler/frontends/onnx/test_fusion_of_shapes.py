"""Scales and zero points of shape (1,): the runtime does not fuse all operators that have them."""

from itertools import product

import numpy as np
import pytest

from accel.compiler.frontends import UnsupportedModel
from accel.compiler.frontends.onnx.reader import read
from accel.compiler.graph.interpreter import run
from tests.compiler.frontends.onnx.test_fusion import STEP, Form
from tests.support.oracles.onnx import REFUSALS, one_by_one, session

FEATURES = 12


class Shaped(Form):
    """A network of one operator; one scale or zero point of it is an array of one number."""

    def __init__(self, kind: str, dtype: type, which: tuple[int, int]) -> None:
        super().__init__(dtype)
        self.which, self.quantizers = which, 0
        x = self.x()
        if kind == "AveragePool":
            self.y(self.add(kind, [x], kernel_shape=[2, 2], strides=[2, 2]), STEP)
        elif kind == "Gemm":
            self.ports["x0"] = (FEATURES,), np.dtype(np.float32)
            draw = self.random.integers(-100, 100, (FEATURES, 5)) + self.offset
            codes = self.constant(draw.astype(dtype), dtype)
            weight = self.add("DequantizeLinear", [codes, *self.points(STEP, 0)])
            self.y(self.add(kind, [x, weight]))
        else:
            self.y(self.add(kind, [x, self.weight()]))

    def points(self, scale: float, zero: int) -> list[str]:
        numbers = [np.float32(scale), np.array(zero + self.offset, self.dtype_)]
        at, part = self.which
        if at == self.quantizers:
            numbers[part] = numbers[part].reshape(1)
        self.quantizers += 1
        return [self.constant(n, n.dtype) for n in numbers]


ROLES = {"Add": 3, "Mul": 3, "Gemm": 3, "AveragePool": 2}
CASES = [
    (kind, dtype, which)
    for kind, roles in ROLES.items()
    for dtype in (np.int8, np.uint8)
    for which in product(range(roles), (0, 1))
]


@pytest.mark.parametrize(
    ("kind", "dtype", "which"), CASES, ids=[f"{k}-{d.__name__}-{w[0]}{w[1]}" for k, d, w in CASES]
)
def test_it_is_computed_as_the_runtime_does(kind, dtype, which):
    f = Shaped(kind, dtype, which)
    data, inputs = f.bytes(), f.inputs()
    found = run(read(data, "shaped.onnx"), inputs)
    try:
        expected = one_by_one(data, inputs)
    except REFUSALS:
        session(data, "NONE")
        expected = one_by_one(data, inputs, "NONE")
    for ours, answer in zip(found.values(), expected, strict=True):
        assert (ours == answer).all()


def test_a_pool_without_inputs_is_refused_and_no_node_before_it():
    f = Form(np.uint8)
    f.y(f.add("Add", [f.x(), f.weight()]))
    f.y(f.add("AveragePool", [], kernel_shape=[2, 2]))
    with pytest.raises(UnsupportedModel, match=r"\(AveragePool\): lacks its input 0") as caught:
        read(f.bytes(), "shaped.onnx")
    assert "QuantizeLinear" not in str(caught.value)
