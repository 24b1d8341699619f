"""Operands of TFLite's operators that move and cut, which the operators of ours have as
attributes."""

from dataclasses import replace

import flatbuffers
import numpy as np
import pytest

from accel.api import Program
from accel.compiler.compile import compile_graph
from accel.compiler.frontends import UnsupportedModel
from accel.compiler.frontends.tflite.reader import read
from accel.compiler.graph.interpreter import run
from accel.compiler.ir.graph import Graph, Node, Tensor
from accel.compiler.operators.concatenation import Concatenation
from accel.compiler.operators.mean import ReduceMean
from accel.compiler.operators.pack import Pack
from accel.compiler.operators.relu import Relu
from accel.compiler.operators.reshape import Reshape
from accel.compiler.operators.resize_nearest import ResizeNearest
from accel.compiler.operators.slice import Slice
from accel.compiler.operators.split import Split
from accel.compiler.operators.transpose import Transpose
from accel.compiler.tflite_export.writer import write
from accel.config import AcceleratorConfig
from tests.support.networks.tflite.files import schema
from tests.support.networks.tflite.operators import per_tensor
from tests.support.oracles.tflm import tflm

SHAPE = (1, 4, 6, 2)
INPUT = Tensor(name="x", shape=SHAPE, dtype="int8", quantization=per_tensor(0.5, 3))


def model(source: str, operator: str, attributes, *shapes: tuple[int, ...], change=None) -> bytes:
    """A model of one operator, after ``change(operator, constants)`` on the schema's objects."""
    outputs = [replace(INPUT, name=f"y{i}", shape=shape) for i, shape in enumerate(shapes)]
    names = tuple(tensor.name for tensor in outputs)
    node = Node(
        name="n",
        operator=operator,
        inputs=("x",),
        outputs=names,
        attributes=attributes,
        source=source,
    )
    tensors = {tensor.name: tensor for tensor in (INPUT, *outputs)}
    graph = Graph(name="g", tensors=tensors, nodes=(node,), inputs=("x",), outputs=names)
    tree = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(write(graph), 0))
    if change is not None:
        only = tree.subgraphs[0].operators[0]
        change(only, [_Constant(tree, index) for index in only.inputs])
    builder = flatbuffers.Builder(1024)
    builder.Finish(tree.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


class _Constant:
    """The data of a tensor in a file."""

    def __init__(self, tree: schema.ModelT, index: int) -> None:
        self.tensor = tree.subgraphs[0].tensors[index]
        self.buffer = tree.buffers[self.tensor.buffer]

    def set(self, *values: int) -> None:
        self.tensor.shape = np.array([len(values)], np.int32)
        self.buffer.data = np.frombuffer(np.array(values, np.int32).tobytes(), np.uint8)


def assert_as_the_oracle(file: bytes) -> None:
    x = np.random.default_rng(0).integers(-128, 128, (2, *SHAPE[1:])).astype(np.int8)
    graph = read(file, "m.tflite")
    np.testing.assert_array_equal(run(graph, x)[graph.outputs[0]], tflm(file, x))


WHOLE = Slice(starts=(0,) * 4, sizes=SHAPE, steps=(1,) * 4)
STRIDED = ("STRIDED_SLICE", "slice")
READABLE = {
    "a mean over axes from the back, twice": (
        ("MEAN", "mean", ReduceMean(axes=(1, 2)), (1, 2)),
        lambda op, constants: constants[1].set(-2, 1, 2),
    ),
    "a shape with a number to be found out": (
        ("RESHAPE", "reshape", Reshape(), (1, 12, 4)),
        lambda op, constants: constants[1].set(1, -1, 4),
    ),
    "a slice to the end": (
        ("SLICE", "slice", WHOLE, (1, 2, 6, 1)),
        lambda op, constants: (constants[1].set(0, 2, 0, 1), constants[2].set(1, -1, -1, 1)),
    ),
    "a strided slice of what masks say": (
        (*STRIDED, replace(WHOLE, sizes=(1, 4, 2, 2)), (1, 4, 2, 2)),
        lambda op, constants: (
            constants[1].set(0, 3, -5, 1),
            constants[2].set(1, 2, 5, 9),
            constants[3].set(1, 1, 2, 1),
            setattr(op.builtinOptions, "beginMask", 0b1010),
            setattr(op.builtinOptions, "endMask", 0b0010),
        ),
    ),
    "the last index": (
        (*STRIDED, WHOLE, (1, 6, 2)),
        lambda op, constants: (
            constants[1].set(0, -1, 0, 0),
            constants[2].set(1, 0, 6, 2),
            setattr(op.builtinOptions, "shrinkAxisMask", 0b0010),
        ),
    ),
    "a concatenation along the last axis": (
        ("CONCATENATION", "concatenation", Concatenation(axis=3), SHAPE),
        lambda op, constants: setattr(op.builtinOptions, "axis", -1),
    ),
    "a slice backwards": (
        (*STRIDED, replace(WHOLE, starts=(0, 3, 5, 0), steps=(1, -1, -1, 1)), SHAPE),
        None,
    ),
}


@pytest.mark.parametrize("case", READABLE)
def test_operands_are_read_as_the_oracle_reads_them(case):
    arguments, change = READABLE[case]
    assert_as_the_oracle(model(*arguments, change=change))


def test_sizes_of_a_split_may_leave_one_to_be_found_out():
    pieces = ((1, 4, 1, 2), (1, 4, 3, 2), (1, 4, 2, 2))
    attributes = Split(axis=2, sizes=(1, 3, 2))
    file = model("SPLIT_V", "split", attributes, *pieces, change=lambda op, c: c[1].set(1, -1, 2))
    assert read(file, "m.tflite").nodes[0].attributes == attributes


def variable(op, constants) -> None:
    constants[1].tensor.buffer = 0
    constants[1].tensor.shape = np.array([1, 2], np.int32)


UNREADABLE = {
    "operator 0 (MEAN): has axes that are not constant integers": (
        ("MEAN", "mean", ReduceMean(axes=(1, 2)), (1, 2)),
        variable,
    ),
    "operator 0 (MEAN): has an axis 4 of 4 dimensions": (
        ("MEAN", "mean", ReduceMean(axes=(1, 2)), (1, 2)),
        lambda op, constants: constants[1].set(1, 4),
    ),
    "operator 0 (MEAN): output must have shape (4, 6, 2), not (1, 6, 2)": (
        ("MEAN", "mean", ReduceMean(axes=(1,)), (1, 6, 2)),
        lambda op, constants: constants[1].set(0),
    ),
    "operator 0 (STRIDED_SLICE): has 3, 4 and 4 starts, ends and steps of 4 dimensions, or a 0": (
        (*STRIDED, WHOLE, SHAPE),
        lambda op, constants: constants[1].set(0, 0, 0),
    ),
    "operator 0 (STRIDED_SLICE): 1 elements from 9 by 1 are not all among the 4 of axis 1": (
        (*STRIDED, WHOLE, (1, 6, 2)),
        lambda op, constants: (
            constants[1].set(0, 9, 0, 0),
            setattr(op.builtinOptions, "shrinkAxisMask", 0b0010),
        ),
    ),
    "operator 0 (CONCATENATION): has a fused activation, which its kernel does not compute": (
        ("CONCATENATION", "concatenation", Concatenation(axis=3), SHAPE),
        lambda op, constants: setattr(op.builtinOptions, "fusedActivationFunction", 1),
    ),
    "operator 0 (TRANSPOSE): order (0, 1, 1, 2) is not a permutation of 4 dimensions": (
        ("TRANSPOSE", "transpose", Transpose(order=(0, 2, 1, 3)), (1, 6, 4, 2)),
        lambda op, constants: constants[1].set(0, 1, 1, 2),
    ),
    "operator 0 (SPLIT_V): sizes (1, 3) do not add up to the 6 elements along axis 2": (
        ("SPLIT_V", "split", Split(axis=2, sizes=(1, 5)), (1, 4, 1, 2), (1, 4, 5, 2)),
        lambda op, constants: constants[1].set(1, 3),
    ),
    "operator 0 (SPLIT): splits 6 into 4 parts": (
        ("SPLIT", "split", Split(axis=2, sizes=(1, 1, 2, 2)), *[(1, 4, 1, 2)] * 4),
        None,
    ),
}


@pytest.mark.parametrize("message", UNREADABLE)
def test_what_cannot_be_read_is_named(message):
    arguments, change = UNREADABLE[message]
    with pytest.raises(UnsupportedModel) as caught:
        read(model(*arguments, change=change), "m.tflite")
    assert [str(reason) for reason in caught.value.reasons] == [message]


def test_a_rectifier_of_its_own_between_minus_one_and_one_clamps():
    """TFLite Micro has no kernel for it: TFLite's ``Relu1`` of equal scales."""
    attributes = Relu(activation="relu_n1_to_1")
    file = model("RELU_N1_TO_1", "relu", attributes, SHAPE)
    x = np.arange(-128, 112).astype(np.int8).reshape(5, *SHAPE[1:])
    graph = read(file, "m.tflite")
    assert graph.nodes[0].attributes == attributes
    np.testing.assert_array_equal(run(graph, x)["y0"], np.clip(x, 3 - 2, 3 + 2))


@pytest.mark.parametrize("axis", [-1, 4])
def test_the_axis_of_a_pack_may_be_counted_from_the_back(axis):
    file = model("PACK", "pack", Pack(axis=4), (*SHAPE, 1), change=_options(axis))
    graph = read(file, "m.tflite")
    x = np.random.default_rng(0).integers(-128, 128, (3, *SHAPE[1:])).astype(np.int8)
    np.testing.assert_array_equal(run(graph, x)["y0"], x[..., np.newaxis])


def _options(axis):
    def change(operator, constants):
        operator.builtinOptions.axis = axis

    return change


def test_a_resize_of_many_copies_goes_by_rows_and_then_by_columns():
    file = model("RESIZE_NEAREST_NEIGHBOR", "resize_nearest", ResizeNearest(), (1, 20, 24, 2))
    graph, x = read(file, "m.tflite"), np.arange(-24, 24).astype(np.int8).reshape(1, 4, 6, 2)
    np.testing.assert_array_equal(run(graph, x)["y0"], tflm(file, x))
    program = Program(compile_graph(graph, AcceleratorConfig()))
    np.testing.assert_array_equal(program.run(x, "machine").outputs["y0"], tflm(file, x))
