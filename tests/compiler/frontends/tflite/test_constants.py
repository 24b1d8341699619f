"""Operators on shapes and constants: what they make is held to TFLite Micro where it has a kernel,
and what a file asks for in vain is refused before it takes memory."""

import numpy as np
import pytest

import accel
from accel.compiler.frontends import UnsupportedModel
from accel.compiler.frontends.tflite.constants import FOLDED
from accel.compiler.frontends.tflite.reader import read
from tests.support.networks.tflite.files import File
from tests.support.oracles.tflm import tflm


def flattened(tail: tuple[int, ...] = (24,), wide: bool = False) -> bytes:
    """What Keras writes for Flatten and Reshape where the batch is open."""
    f = File()
    x = f.input((1, 2, 3, 4), "int8", 0.02, 3)
    f.graph.tensors[x].shapeSignature = [-1, 2, 3, 4]
    y = f.operator("RELU", [x], [f.tensor((1, 2, 3, 4), "int8", 0.02, 3)])
    shape = f.operator("SHAPE", [y], [f.tensor((4,), "int32")], "ShapeOptions", outType=2)
    bounds = [f.constant([0]), f.constant([1]), f.constant([1])]
    one = f.tensor((), "int32")
    f.operator("STRIDED_SLICE", [shape, *bounds], [one], "StridedSliceOptions", shrinkAxisMask=1)
    sizes = [one, *(f.constant(size) for size in tail)]
    packed = f.tensor((1 + len(tail),), "int32")
    f.operator("PACK", sizes, [packed], "PackOptions", valuesCount=len(sizes), axis=0)
    if wide:
        packed = f.operator("CAST", [packed], [f.tensor((1 + len(tail),), "int64")], "CastOptions")
    result = f.tensor((1, *tail), "int8", 0.02, 3)
    f.graph.tensors[result].shapeSignature = [-1] * (1 + len(tail))
    return f.ends(f.operator("RESHAPE", [y, packed], [result])).bytes()


@pytest.mark.parametrize("tail", [(24,), (4, 6), (3, 2, 4)])
def test_a_reshape_to_a_computed_shape_is_one_to_its_result(tail):
    graph = read(flattened(tail), "m.tflite")
    assert [node.operator for node in graph] == ["relu", "reshape"]
    x = np.random.default_rng(0).integers(-128, 128, (3, 2, 3, 4)).astype(np.int8)
    answer = accel.compile(graph, board="ulx3s_85f").run(x, jobs=1).output
    np.testing.assert_array_equal(answer, tflm(flattened(tail), x))


def test_shapes_may_be_of_64_bits():
    assert [node.operator for node in read(flattened(wide=True), "m.tflite")] == ["relu", "reshape"]


def output_of(kind: str, inputs, shape, options: str = "", dtype: str = "int32", **fields) -> bytes:
    """A file whose second output is an operator on constants."""
    f = File()
    x = f.input((1, 6), "int8", 0.02, 3)
    y = f.operator("RELU", [x], [f.tensor((1, 6), "int8", 0.02, 3)])
    operands = [f.constant(value, str(np.asarray(value).dtype)) for value in inputs]
    return f.ends(
        y, f.operator(kind, operands, [f.tensor(shape, dtype)], options, **fields)
    ).bytes()


i = np.int32
A, B = i([[1, 2, 3], [40, 5, -6]]), i([7, -8, 9])
MADE = {  # operator: inputs, options and their fields, and what is made
    "ADD": ([A, B], "AddOptions", {}, A + B),
    "SUB": ([A, B], "SubOptions", {}, A - B),
    "MUL": ([A, B], "MulOptions", {}, A * B),
    "DIV": ([A, B], "DivOptions", {}, i([[0, 0, 0], [5, 0, 0]])),
    "MINIMUM": ([A, B], "", {}, np.minimum(A, B)),
    "MAXIMUM": ([A, B], "", {}, np.maximum(A, B)),
    "FLOOR_DIV": ([A, B], "", {}, A // B),
    "FLOOR_MOD": ([A, B], "", {}, A % B),
    "NEG": ([A], "", {}, -A),
    "REDUCE_PROD": ([A, i([1])], "ReducerOptions", {}, i([6, -1200])),
    "SUM": ([A, i([0])], "ReducerOptions", {}, i([41, 7, -3])),
    "GATHER": ([A, i([2, 0])], "GatherOptions", {"axis": 1}, A[:, [2, 0]]),
    "CONCATENATION": ([A, A], "ConcatenationOptions", {"axis": 1}, np.hstack([A, A])),
    "PACK": ([B, B], "PackOptions", {"valuesCount": 2, "axis": 1}, np.stack([B, B], 1)),
    "TILE": ([A, i([2, 1])], "", {}, np.tile(A, (2, 1))),
    "TRANSPOSE": ([A, i([1, 0])], "", {}, A.T),
    "SLICE": ([A, i([0, 1]), i([-1, 2])], "", {}, A[:, 1:]),
    "FILL": ([i([2, 3]), i(5)], "", {}, np.full((2, 3), 5)),
    "BROADCAST_TO": ([B, i([2, 3])], "", {}, np.broadcast_to(B, (2, 3))),
    "BROADCAST_ARGS": ([i([2, 1, 3]), i([4, 1])], "", {}, i([2, 4, 3])),
    "RANGE": ([i(2), i(9), i(3)], "", {}, i([2, 5, 8])),
    "RESHAPE": ([A, i([3, 2])], "", {}, A.reshape(3, 2)),
    "SELECT_V2": ([A > 2, A, B], "", {}, np.where(A > 2, A, B)),
}


# It has no kernels of the others, or none of int32.
IN_TFLITE_MICRO = {"ADD", "SUB", "MUL", "DIV", "MINIMUM", "MAXIMUM", "CONCATENATION", "PACK"}
IN_TFLITE_MICRO |= {"SLICE", "FILL", "BROADCAST_TO", "BROADCAST_ARGS", "RESHAPE"}


@pytest.mark.parametrize("kind", MADE)
def test_an_operator_makes(kind):
    inputs, options, fields, expected = MADE[kind]
    data = output_of(kind, inputs, expected.shape, options, **fields)
    graph = read(data, "m.tflite")
    values = graph.tensor(graph.outputs[1]).values
    np.testing.assert_array_equal(values.reshape(expected.shape), expected)
    assert values.dtype == np.int32
    if kind in IN_TFLITE_MICRO:
        whole = np.tile(expected.reshape(1, -1), (2, 1))
        answers = tflm(data, np.zeros((2, 6), np.int8))
        np.testing.assert_array_equal(answers[graph.outputs[1]].reshape(2, -1), whole)


def test_a_strided_slice_has_masks_of_all_kinds():
    begins, ends, steps = i([0, 1, 0]), i([0, 3, 0]), i([1, 1, 1])
    masks = {"ellipsisMask": 0b001, "newAxisMask": 0b100}
    data = output_of(
        "STRIDED_SLICE", [A, begins, ends, steps], (2, 2, 1), "StridedSliceOptions", **masks
    )
    graph = read(data, "m.tflite")
    np.testing.assert_array_equal(graph.tensor(graph.outputs[1]).values[0], A[..., 1:3, None])


LARGE = 2**20
VAIN = {
    "FILL": ([i([LARGE, LARGE]), i(5)], "", {}),
    "TILE": ([A, i([LARGE, LARGE])], "", {}),
    "BROADCAST_TO": ([B, i([LARGE, LARGE, 3])], "", {}),
    "GATHER": ([A, i([9])], "GatherOptions", {"axis": 1}),
    "DIV": ([A, i([0, 1, 2])], "DivOptions", {}),
    "RANGE": ([i(0), i(2**31 - 1), i(1)], "", {}),
    "ADD": ([A, i([1, 2])], "AddOptions", {}),
    "PACK": ([B, A], "PackOptions", {"valuesCount": 2}),
    "UNPACK": ([A], "UnpackOptions", {}),
    "TRANSPOSE": ([A, i([1, 1])], "", {}),
    "STRIDED_SLICE": ([A, i([0]), i([1]), i([0])], "StridedSliceOptions", {}),
    "REDUCE_PROD": ([A, i([7])], "ReducerOptions", {}),
}


@pytest.mark.parametrize("kind", VAIN)
def test_what_does_not_fit_together_is_refused(kind):
    inputs, options, fields = VAIN[kind]
    with pytest.raises(UnsupportedModel) as caught:
        read(output_of(kind, inputs, (2, 3), options, **fields), "m.tflite")
    (reason,) = caught.value.reasons
    assert reason.place == f"operator 1 ({kind})"


def test_on_an_activation_they_are_refused_where_we_have_no_operator():
    f = File()
    x = f.input((1, 6), "int8", 0.02, 3)
    y = f.operator("REDUCE_PROD", [x, f.constant([1])], [f.tensor((1,), "int8", 0.02, 3)])
    with pytest.raises(UnsupportedModel, match=r"operator 0 \(REDUCE_PROD\): is not supported"):
        read(f.ends(y).bytes(), "m.tflite")
    assert "REDUCE_PROD" in FOLDED
