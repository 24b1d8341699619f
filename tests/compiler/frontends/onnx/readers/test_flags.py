"""Attributes that the runtime compares with 1: any other number counts as 0."""

import numpy as np
import pytest

from tests.support.networks.onnx.qdq import Qdq, built, check


def reduced(m: Qdq, x: str, operator: str, **attributes: int) -> str:
    return m.add(operator, x, m.constant([2], np.int64), **attributes)


def reshaped(m: Qdq, x: str, flag: int) -> str:
    sizes = [1, 3, 35] if flag == 1 else [0, 0, 35]  # those of 0 would be refused
    return m.add("Reshape", x, m.constant(sizes, np.int64), allowzero=flag)


def pooled(m: Qdq, x: str, flag: int) -> str:
    return m.add("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2], ceil_mode=flag)


def not_reduced(m: Qdq, x: str, flag: int) -> str:
    return m.add("ReduceMax", x, m.constant(np.zeros(0), np.int64), noop_with_empty_axes=flag)


FLAGS = {
    "ReduceMax": lambda m, x, flag: reduced(m, x, "ReduceMax", keepdims=flag),
    "ReduceMean": lambda m, x, flag: reduced(m, x, "ReduceMean", keepdims=flag),
    "ReduceSum": lambda m, x, flag: reduced(m, x, "ReduceSum", keepdims=flag),
    "Reshape": reshaped,
    "MaxPool": pooled,
    "no axes": not_reduced,
}


@pytest.mark.parametrize("flag", [0, 1, 2, -1])
@pytest.mark.parametrize("name", FLAGS)
def test_no_element_differs(name, flag, tmp_path):
    m, data = built(lambda m: FLAGS[name](m, m.input(), flag), (3, 5, 7), opset=18)
    path = tmp_path / "flag.onnx"
    path.write_bytes(data)
    check(path, m.samples())
