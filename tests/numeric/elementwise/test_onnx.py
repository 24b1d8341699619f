"""Sums and products of codes under the onnx contract: all pairs of codes, against ONNX Runtime."""

import numpy as np
import pytest
from onnx import helper, numpy_helper

from accel.numeric.affine import Affine
from accel.numeric.elementwise.arithmetic import ARITHMETIC
from tests.support.networks.onnx.operators import ELEMENTS, MICROSOFT
from tests.support.oracles.onnx import onnx_runtime

CODES = np.arange(-128, 128)
CASES = 60


def runtime(operator: str, dtype: type, affines: list[Affine]) -> np.ndarray:
    """The runtime's codes of all pairs, ``[256, 256]``, in int8."""
    offset = 128 if dtype == np.uint8 else 0
    constants = {}
    for name, affine in zip("abc", affines, strict=True):
        constants[f"{name}_scale"] = np.float32(affine.scale)
        constants[f"{name}_zero"] = np.array(affine.zero_point + offset, dtype)
    names = [f"{name}{part}" for name in "ab" for part in ("", "_scale", "_zero")]
    node = helper.make_node(operator, [*names, "c_scale", "c_zero"], ["c"], domain=MICROSOFT)
    kind = ELEMENTS[np.dtype(dtype)]
    values = [helper.make_tensor_value_info(name, kind, [2**16]) for name in "abc"]
    initializers = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph([node], "pairs", values[:2], values[2:], initializers)
    opsets = [helper.make_opsetid("", 15), helper.make_opsetid(MICROSOFT, 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    a, b = (
        (codes + offset).astype(dtype).reshape(-1)
        for codes in np.meshgrid(CODES, CODES, indexing="ij")
    )
    (codes,) = onnx_runtime(model.SerializeToString(), {"a": a, "b": b})
    return codes.astype(np.int64).reshape(256, 256) - offset


def scales(random: np.random.Generator, operator: str, case: int) -> list[np.float32]:
    """Scales of both operands and of the result, some of which give halves."""
    if case % 5 == 0:
        return [np.float32(2.0 ** random.integers(-8, 1)) for _ in range(3)]
    a, b, c = np.exp(random.uniform(-6, 1, 3))
    if case % 5 > 2:
        c = (a + b if operator == "QLinearAdd" else 60 * a * b) * random.uniform(0.3, 1.2)
    return [np.float32(x) for x in (a, b, c)]


@pytest.mark.parametrize("dtype", [np.uint8, np.int8], ids=["uint8", "int8"])
@pytest.mark.parametrize("operator", ["QLinearAdd", "QLinearMul"])
def test_no_pair_of_codes_differs(operator, dtype):
    random = np.random.default_rng(0)
    arithmetic = ARITHMETIC["onnx"]
    function = arithmetic.add if operator == "QLinearAdd" else arithmetic.multiply
    offset = 128 if dtype == np.uint8 else 0
    for case in range(CASES):
        zeros = random.integers(-128, 128, 3)
        affines = [
            Affine(float(scale), int(zero), offset)
            for scale, zero in zip(scales(random, operator, case), zeros, strict=True)
        ]
        answer = function(CODES[:, np.newaxis], CODES[np.newaxis], *affines)
        np.testing.assert_array_equal(np.clip(answer, -128, 127), runtime(operator, dtype, affines))
