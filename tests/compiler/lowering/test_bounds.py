"""What a small file asks for is refused before memory is taken for it, or computed in little."""

import tracemalloc
from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest

from accel.api import Program
from accel.compiler.compile import compile_graph
from accel.compiler.graph.interpreter import run
from accel.compiler.graph.verify import MAX_COMPUTED, verify
from accel.compiler.ir.graph import Graph, Node, Quantization, Tensor
from accel.compiler.operators.average_pool2d import AveragePool2d
from accel.compiler.operators.conv2d import Conv2d
from accel.compiler.operators.depth_to_space import DepthToSpace
from accel.compiler.operators.depthwise_conv2d import DepthwiseConv2d
from accel.compiler.operators.gather import Gather
from accel.compiler.operators.max_pool2d import MaxPool2d
from accel.compiler.operators.mul import Mul
from accel.compiler.operators.pad import Pad
from accel.compiler.operators.resize_nearest import ResizeNearest
from accel.compiler.operators.slice import Slice
from accel.compiler.operators.space_to_depth import SpaceToDepth
from accel.compiler.operators.transpose_conv2d import TransposeConv2d
from accel.config import AcceleratorConfig
from accel.errors import UserError
from accel.sim.compare import assert_same

CODES = Quantization(scale=(0.5,), zero_point=(0,))
CONFIG = AcceleratorConfig(weight_steps=8192, sum_bits=32)
MOST_BYTES = 1 << 28  # at any time; most take a few million
SIDE = 2048
ONES = np.ones((1, 3, 3, 1), np.int8)
WEIGHTS = (
    Tensor(name="w", shape=ONES.shape, dtype="int8", quantization=CODES, data=ONES),
    Tensor(name="b", shape=(1,), dtype="int32", data=np.zeros(1, np.int32)),
)


def graph(operator, attributes, shape, output, more=(), inputs=("x",)) -> Graph:
    """One node from ``x`` and ``more`` tensors to ``y``."""
    ends = [
        Tensor(name=name, shape=sizes, dtype="int8", quantization=CODES)
        for name, sizes in (("x", shape), ("y", output))
    ]
    names = ("x", *(tensor.name for tensor in more))
    node = Node(name="n", operator=operator, inputs=names, outputs=("y",), attributes=attributes)
    tensors = {tensor.name: tensor for tensor in (*ends, *more)}
    return Graph(
        name="big", tensors=MappingProxyType(tensors), nodes=(node,), inputs=inputs, outputs=("y",)
    )


def pool(kind, size, padding=((0, 0), (0, 0)), output=1):
    attributes = kind(size=(size, size), stride=(1, 1), padding=padding)
    operator = {AveragePool2d: "average_pool2d", MaxPool2d: "max_pool2d"}[kind]
    return graph(operator, attributes, (1, 200, 200, 1), (1, output, output, 1))


def both_sides(size: int) -> Graph:
    """A product of a column and a row."""
    row = Tensor(name="z", shape=(1, 1, size, 1), dtype="int8", quantization=CODES)
    shapes = (1, size, 1, 1), (1, size, size, 1)
    return graph("mul", Mul(), *shapes, (row,), inputs=("x", "z"))


def dilated(operator, kind, dilation: int) -> Graph:
    amounts = ((dilation, dilation), (dilation, dilation))
    attributes = kind(padding=amounts, dilation=(dilation, dilation))
    return graph(operator, attributes, (1, 5, 5, 1), (1, 5, 5, 1), WEIGHTS)


LARGE = ((0, 0), (0, SIDE - 1), (0, SIDE - 1), (0, 0))
SAME = ((99, 100), (99, 100))
REFUSED = {
    "pad": graph("pad", Pad(amounts=LARGE, value=0), (1, 1, 1, 1), (1, SIDE, SIDE, 1)),
    "resize": graph("resize_nearest", ResizeNearest(), (1, 1, 1, 1), (1, SIDE, SIDE, 1)),
    "broadcast": both_sides(SIDE),
    "reverse": graph(
        "slice", Slice(starts=(0, 4095), sizes=(1, 4096), steps=(1, -1)), (1, 4096), (1, 4096)
    ),
    "gather": graph("gather", Gather(axis=2, indices=(0,) * 60_000), (1, 1, 4096), (1, 1, 60_000)),
    "largest of many": pool(MaxPool2d, 200),
    "means at borders": pool(AveragePool2d, 200, SAME, 200),
    "blocks": graph("space_to_depth", SpaceToDepth(block=100), (1, 200, 200, 1), (1, 2, 2, 10_000)),
    "squares": graph(
        "depth_to_space", DepthToSpace(block=100), (1, 2, 2, 10_000), (1, 200, 200, 1)
    ),
    "strides": graph(
        "transpose_conv2d",
        TransposeConv2d(stride=(300, 300)),
        (1, 1, 1, 1),
        (1, 300, 300, 1),
        WEIGHTS,
    ),
    "a tensor": graph(
        "pad", Pad(amounts=((0, 0), (0, MAX_COMPUTED)), value=0), (1, 1), (1, MAX_COMPUTED + 1)
    ),
}
RUN = {
    "dilation": dilated("conv2d", Conv2d, 2**16),
    "dilation by channel": dilated("depthwise_conv2d", DepthwiseConv2d, 2**16),
}


def compiled(network: Graph) -> Program:
    verify(network)
    return Program(compile_graph(network, CONFIG))


@pytest.fixture
def in_bounds():
    """Holds the memory that is taken meanwhile to its bound."""
    tracemalloc.start()
    yield
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < MOST_BYTES, f"{peak:,} bytes"


@pytest.mark.parametrize("name", REFUSED)
def test_what_no_core_holds_is_refused_in_little_memory(name, in_bounds):
    with pytest.raises(UserError):
        compiled(REFUSED[name])


@pytest.mark.parametrize("name", RUN)
def test_what_never_meets_the_image_costs_nothing(name, in_bounds):
    program = compiled(RUN[name])
    x = np.random.default_rng(0).integers(-128, 128, (3, 5, 5, 1)).astype(np.int8)
    found = program.run(x, "machine").outputs
    assert_same(found, program.run(x, "reference").outputs)
    near = replace(RUN[name].nodes[0].attributes, padding=((5, 5), (5, 5)), dilation=(5, 5))
    (node,) = RUN[name].nodes
    same = compiled(RUN[name].replace(nodes=(replace(node, attributes=near),)))
    assert_same(found, same.run(x, "machine").outputs)


def test_convolutions_of_many_taps_are_computed_in_parts(in_bounds):
    """Their windows would take 2.4 GB at once."""
    taps = np.ones((1, 63, 63, 1), np.int8)
    weights = (replace(WEIGHTS[0], shape=taps.shape, data=taps), WEIGHTS[1])
    amounts = ((31, 31), (31, 31))
    network = graph("conv2d", Conv2d(padding=amounts), (1, 120, 120, 1), (1, 120, 120, 1), weights)
    x = np.random.default_rng(0).integers(-128, 128, (10, 120, 120, 1)).astype(np.int8)
    many, few = run(network, x)["y"], run(network, x[3:4])["y"]
    np.testing.assert_array_equal(many[3:4], few)
