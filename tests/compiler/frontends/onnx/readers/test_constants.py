"""What is computed of constants when a file is read is what the onnx package's reference
computes."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from accel.compiler.frontends.onnx.builder import Builder, Unreadable
from accel.compiler.frontends.onnx.file import decode
from accel.compiler.frontends.onnx.readers.constants import FOLDED, READERS
from accel.compiler.frontends.onnx.readers.operators import reader
from accel.compiler.frontends.onnx.values import Constant

INTEGERS = np.array([[-7, 7, 0], [9, -9, 5]], np.int64)
NUMBERS = np.array([[-7.5, 7.5, 0.0], [9.25, -9.0, 5.5]], np.float32)
FLOAT, INT64, INT8, INT32 = (
    TensorProto.FLOAT,
    TensorProto.INT64,
    TensorProto.INT8,
    TensorProto.INT32,
)


def i(*values):
    return np.array(values, np.int64)


def scalar(value, dtype=np.int64):
    return np.array(value, dtype)


CASES = {
    "Constant": [
        ([], {"value": numpy_helper.from_array(INTEGERS)}),
        ([], {"value_int": 5}),
        ([], {"value_ints": [5, -6]}),
        ([], {"value_float": 2.5}),
        ([], {"value_floats": [2.5, 3.5]}),
    ],
    "Shape": [([NUMBERS], {}), ([NUMBERS], {"start": 1}), ([NUMBERS], {"start": 0, "end": 1})],
    "Size": [([NUMBERS], {}), ([scalar(3)], {})],
    "Cast": [
        ([NUMBERS], {"to": INT64}),
        ([INTEGERS], {"to": FLOAT}),
        ([INTEGERS], {"to": INT8}),
        ([INTEGERS], {"to": INT32}),
    ],
    "Gather": [
        ([INTEGERS, i(1)], {}),
        ([INTEGERS, i(2, 0, -1)], {"axis": 1}),
        ([INTEGERS, scalar(1)], {"axis": -1}),
    ],
    "ConstantOfShape": [
        ([i(2, 3)], {}),
        ([i(3)], {"value": numpy_helper.from_array(i(7))}),
    ],
    **{name: [([NUMBERS], {})] for name in ("Abs", "Sign", "Round")},
    **{name: [([np.abs(NUMBERS) + np.float32(0.5)], {})] for name in ("Exp", "Log", "Reciprocal")},
    "Pow": [([np.abs(NUMBERS), scalar(1.5, np.float32)], {}), ([INTEGERS, scalar(2)], {})],
    "Expand": [([INTEGERS, i(2, 2, 1)], {}), ([i(1, 2, 3), i(2, 3)], {})],
    "Range": [
        ([scalar(0), scalar(5), scalar(1)], {}),
        ([scalar(7), scalar(-3), scalar(-4)], {}),
        ([scalar(3), scalar(9), scalar(2)], {}),
        ([scalar(0.5, np.float32), scalar(2.0, np.float32), scalar(0.25, np.float32)], {}),
    ],
    "ReduceProd": [([i(2, 3, 4)], {"keepdims": 0}), ([i(2, 3, 4)], {"keepdims": 1}), ([i(5)], {})],
    "Div": [([NUMBERS, NUMBERS + 30], {}), ([INTEGERS, i(2, -2, 3)], {}), ([i(7), i(7)], {})],
    "Identity": [([NUMBERS], {})],
    "Dropout": [([NUMBERS], {})],
    "Add": [([INTEGERS, i(2, -2, 3)], {}), ([NUMBERS, NUMBERS], {})],
    "Sub": [([INTEGERS, i(2, -2, 3)], {}), ([NUMBERS, NUMBERS * 3], {})],
    "Mul": [([INTEGERS, i(2, -2, 3)], {}), ([NUMBERS, NUMBERS], {})],
    "Floor": [([NUMBERS], {})],
    "Ceil": [([NUMBERS], {})],
    "Neg": [([NUMBERS], {}), ([INTEGERS], {})],
    "Sqrt": [([np.abs(NUMBERS)], {})],
    "Reshape": [
        ([INTEGERS, i(3, 2)], {}),
        ([INTEGERS, i(-1)], {}),
        ([INTEGERS, i(0, -1, 1)], {}),
        ([np.zeros((0, 3), np.float32), i(3, 0)], {"allowzero": 1}),
    ],
    "Flatten": [
        (
            [
                np.arange(24).reshape(2, 3, 4),
            ],
            {"axis": axis},
        )
        for axis in (0, 1, 2, 3, -1)
    ],
    "Squeeze": [
        ([np.ones((1, 3, 1, 2), np.float32)], {}),
        ([np.ones((1, 3, 1, 2), np.float32), i(2)], {}),
        ([np.ones((1, 3, 1, 2), np.float32), i(-2, 0)], {}),
    ],
    "Unsqueeze": [([INTEGERS, i(0)], {}), ([INTEGERS, i(1, -1)], {}), ([INTEGERS, i(3, 0)], {})],
    "Transpose": [
        ([np.arange(24).reshape(2, 3, 4)], {}),
        ([np.arange(24).reshape(2, 3, 4)], {"perm": [1, 2, 0]}),
    ],
    "Pad": [
        ([NUMBERS, i(0, 1, 2, 0)], {}),
        ([NUMBERS, i(0, 1, 2, 0), scalar(4.5, np.float32)], {}),
        ([NUMBERS, i(1, 2), scalar(4.5, np.float32), i(-1)], {}),
        ([INTEGERS, i(0, 0, 1, 3), scalar(-5)], {}),
    ],
    "Slice": [
        ([INTEGERS, i(1), i(3), i(1)], {}),
        ([INTEGERS, i(-1), i(-9), i(1), i(-1)], {}),
        ([INTEGERS, i(2), i(-9), i(-1), i(-2)], {}),
        ([np.arange(9), i(7), i(0), i(0), i(-3)], {}),
        ([np.arange(9), i(-100), i(100), i(0), i(4)], {}),
        ([INTEGERS, i(0, 1), i(1, 3)], {}),
    ],
    "Split": [
        ([np.arange(7), i(2, 5)], {"outputs": 2}),
        ([np.arange(12).reshape(2, 6), i(1, 2, 3)], {"axis": -1, "outputs": 3}),
        ([np.arange(7)], {"num_outputs": 3, "outputs": 3}),
    ],
    "Concat": [
        ([INTEGERS, INTEGERS + 1], {"axis": 0}),
        ([INTEGERS, INTEGERS[:, :1], INTEGERS], {"axis": -1}),
    ],
}


def node_file(spelling: str, arrays: list, attributes: dict) -> onnx.ModelProto:
    """A file of one operator of constants, and of an input that nothing reads."""
    attributes = dict(attributes)
    names = [f"c{index}" for index in range(len(arrays))]
    outputs = [f"y{index}" for index in range(attributes.pop("outputs", 1))]
    node = helper.make_node(spelling, names, outputs, **attributes)
    tensors = [numpy_helper.from_array(a, name) for name, a in zip(names, arrays, strict=True)]
    results = [helper.make_tensor_value_info(name, FLOAT, None) for name in outputs]
    graph = helper.make_graph([node], "constants", [], results, tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def folded(model: onnx.ModelProto) -> list:
    """The values of the operator's outputs, as the reader makes them."""
    record = decode(model.SerializeToString())
    builder = Builder(record)
    builder.values |= {name: Constant(data) for name, data in record.constants.items()}
    (node,) = record.nodes
    with builder.at(node):
        return reader(builder)(builder)


PAIRS = [(name, index) for name, cases in CASES.items() for index in range(len(cases))]


@pytest.mark.parametrize(("spelling", "index"), PAIRS)
def test_constants_are_computed_as_the_reference_does(spelling, index):
    model = node_file(spelling, *CASES[spelling][index])
    expected = ReferenceEvaluator(model).run(None, {})
    values = folded(model)
    assert len(values) == len(expected)
    for value, wanted in zip(values, expected, strict=True):
        assert isinstance(value, Constant)
        assert value.data.dtype == wanted.dtype
        np.testing.assert_array_equal(value.data, wanted)


def test_each_operator_of_constants_has_a_case():
    assert {*READERS, *FOLDED} <= set(CASES)


IMPOSSIBLE = {
    "an integer by 0": ("Div", [INTEGERS, i(1, 0, 1)], {}),
    "shapes that do not go together": ("Add", [INTEGERS, i(1, 2)], {}),
    "what is not there": ("Gather", [INTEGERS, i(2)], {}),
    "an axis that is not there": ("Gather", [INTEGERS, i(0)], {"axis": 2}),
    "no step": ("Range", [scalar(0), scalar(5), scalar(0)], {}),
    "no end": (
        "Range",
        [scalar(0.0, np.float32), scalar(np.inf, np.float32), scalar(1.0, np.float32)],
        {},
    ),
    "a shape below 0": ("ConstantOfShape", [i(2, -1)], {}),
    "a shape of 2**31": ("ConstantOfShape", [i(2**31, 0)], {}),
    "nine dimensions": ("ConstantOfShape", [i(*[1] * 9)], {}),
    "several numbers": ("ConstantOfShape", [i(2)], {"value": numpy_helper.from_array(i(1, 2))}),
    "shapes to expand": ("Expand", [i(1, 2), i(3)], {}),
    "other sizes": ("Reshape", [INTEGERS, i(4, 2)], {}),
    "two free sizes": ("Reshape", [INTEGERS, i(-1, -1)], {}),
    "a size of -2": ("Reshape", [INTEGERS, i(-2, 3)], {}),
    "an axis beyond": ("Flatten", [INTEGERS], {"axis": 3}),
    "an axis before": ("Flatten", [INTEGERS], {"axis": -3}),
    "a size to squeeze": ("Squeeze", [INTEGERS, i(0)], {}),
    "an axis to squeeze": ("Squeeze", [INTEGERS, i(2)], {}),
    "an axis twice": ("Unsqueeze", [INTEGERS, i(0, 0)], {}),
    "a dimension twice": ("Transpose", [INTEGERS], {"perm": [0, 0]}),
    "a negative pad": ("Pad", [NUMBERS, i(0, -1, 0, 0)], {}),
    "a great pad": ("Pad", [NUMBERS, i(0, 2**16, 0, 0)], {}),
    "three pads": ("Pad", [NUMBERS, i(0, 1, 0)], {}),
    "nothing left": ("Slice", [INTEGERS, i(2), i(2), i(1)], {}),
    "a step of 0": ("Slice", [INTEGERS, i(0), i(2), i(1), i(0)], {}),
    "an axis to slice": ("Slice", [INTEGERS, i(0), i(2), i(2)], {}),
    "pieces that are less": ("Split", [np.arange(7), i(2, 4)], {"outputs": 2}),
    "an empty piece": ("Split", [np.arange(7), i(7, 0)], {"outputs": 2}),
    "ranks to concatenate": ("Concat", [INTEGERS, i(1)], {"axis": 0}),
    "sizes to concatenate": ("Concat", [INTEGERS, INTEGERS[:1]], {"axis": 1}),
}


@pytest.mark.parametrize("case", IMPOSSIBLE)
def test_what_cannot_be_computed_is_unreadable(case):
    with pytest.raises(Unreadable):
        folded(node_file(*IMPOSSIBLE[case]))
