"""Products as MLAS adds them up: equal to ONNX Runtime's, bit for bit."""

import numpy as np
import pytest
from onnx import TensorProto, helper

from accel.numeric.runtimes.sgemm import convolved, sgemm
from tests.support.oracles.onnx import session

ROWS, DEPTHS, COLUMNS = (1, 2, 7), (1, 3, 8, 31, 129, 300), (1, 2, 3, 5, 7, 40)


def runtime(operator: str, *arrays: np.ndarray, **attributes: int | list[int]) -> np.ndarray:
    names = [f"x{index}" for index in range(len(arrays))]
    ports = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, array.shape)
        for name, array in zip(names, arrays, strict=True)
    ]
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    node = helper.make_node(operator, names, ["y"], **attributes)
    graph = helper.make_graph([node], "product", ports, [output])
    opset = [helper.make_opsetid("", 20)]
    data = helper.make_model(graph, opset_imports=opset, ir_version=9).SerializeToString()
    (found,) = session(data, "NONE").run(None, dict(zip(names, arrays, strict=True)))
    return found


def numbers(random: np.random.Generator, *shape: int) -> np.ndarray:
    return random.standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("rows", ROWS)
@pytest.mark.parametrize("columns", COLUMNS)
def test_products_equal_the_runtimes(rows, columns):
    random = np.random.default_rng([rows, columns])
    for depth in DEPTHS:
        a, b, c = numbers(random, rows, depth), numbers(random, depth, columns), None
        c = numbers(random, rows, columns)
        across = np.ascontiguousarray(b.T)
        assert (sgemm(a, b) == runtime("MatMul", a, b)).all()
        assert (sgemm(a, b, total=c) == runtime("Gemm", a, b, c)).all()
        found = sgemm(a, b, transposed_b=True, total=c)
        assert (found == runtime("Gemm", a, across, c, transB=1)).all()


@pytest.mark.parametrize("out", [1, 3, 90])
def test_convolutions_equal_the_runtimes(out):
    random = np.random.default_rng(out)
    for depth, size in ((3, 5), (16, 9), (40, 1), (2, 70)):
        x, filters = numbers(random, 1, depth, size, size), numbers(random, out, depth, 3, 3)
        padded = np.pad(x[0], ((0, 0), (1, 1), (1, 1)))
        patches = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (1, 2))
        columns = patches.transpose(0, 3, 4, 1, 2).reshape(depth * 9, -1)
        expected = runtime("Conv", x, filters, pads=[1] * 4).reshape(out, -1)
        assert (convolved(filters.reshape(out, -1), columns) == expected).all()


@pytest.mark.parametrize("depth", [1, 5, 140, 300])
def test_transposed_factors_have_shorter_blocks(depth):
    random = np.random.default_rng(depth)
    for size, out in ((1, 1), (1, 6), (2, 1), (3, 2), (9, 3)):
        x, filters = numbers(random, 1, depth, size, size), numbers(random, depth, out, 1, 1)
        a, b = filters.reshape(depth, out).T, x.reshape(depth, -1)
        expected = runtime("ConvTranspose", x, filters).reshape(out, -1)
        assert (sgemm(a, b, transposed_a=True) == expected).all()
