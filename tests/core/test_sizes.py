"""Cores of every shape compute every kind of layer exactly, in as many cycles as the model says.

A small network has one layer of each mode of the array, and in most of them a last group of
channels and a last tile that are not full. It runs in compiled RTL, which is quicker than
Amaranth's simulator in spite of the C++ compiler; one core is held in both.
"""

import random
import re
from itertools import cycle

import numpy as np
import pytest

import accel
from accel.compiler.operators.add import Add
from accel.compiler.operators.average_pool2d import AveragePool2d
from accel.compiler.operators.conv2d import Conv2d
from accel.compiler.operators.depthwise_conv2d import DepthwiseConv2d
from accel.compiler.operators.fully_connected import FullyConnected
from accel.compiler.operators.leaky_relu import LeakyRelu
from accel.compiler.operators.max_pool2d import MaxPool2d
from accel.compiler.operators.reshape import Reshape
from accel.config import FAMILIES, AcceleratorConfig, InvalidConfiguration
from tests.support.networks.tflite.operators import SEEDS, Builder, Style, per_tensor, random_inputs
from tests.support.oracles.agreement import assert_cycles, assert_layers

SHAPES = ((2, 2), (4, 4), (4, 8), (8, 4), (8, 8), (3, 5))
REQUANTIZERS = (1, 2, 4)
STYLE = Style(
    activations=("none", "relu"),
    zero_points=(-17, -3, 5, 21),
    scales=(0.017, 0.031, 0.057),
    misfit=(0,),
    bias=(8, 32),
)
UNPADDED, SAME = ((0, 0), (0, 0)), ((1, 1), (1, 1))


class Network(Builder):
    """Grows a network with weights of some type, always the same."""

    def __init__(self, dtype="int8", seed=1):
        rng = random.Random(seed)
        self.dtype = dtype
        shape = (1, 5, 6, 3)
        super().__init__(
            lambda choices: seed if choices is SEEDS else rng.choice(choices), shape, style=STYLE
        )

    def constants(self, shape, axis, per_channel=True):
        low, high = {"int8": (-127, 127), "int4": (-8, 7)}[self.dtype]
        weights = self.random.integers(low, high, shape, endpoint=True).astype(np.int8)
        return self.linear(weights, axis, self.dtype, per_channel)

    def convolution(self, channels):
        names, q = self.constants((channels, 2, 2, 3), 0)
        conv = Conv2d(stride=(1, 1), padding=UNPADDED, dilation=(1, 1), activation="relu")
        self.node("conv2d", conv, (1, 4, 5, channels), q, constants=names)

    def depthwise(self, stride, shape):
        names, q = self.constants((1, 3, 3, shape[-1]), 3)
        depthwise = DepthwiseConv2d(
            stride=(stride, stride), padding=SAME, dilation=(1, 1), multiplier=1, activation="none"
        )
        self.node("depthwise_conv2d", depthwise, shape, q, constants=names)


def network(channels, dtype="int8"):
    """A dense convolution, depthwise ones to broadcast and to group, pooling, fully connected."""
    b = Network(dtype)
    b.convolution(channels)
    b.depthwise(1, (1, 4, 5, channels))
    b.depthwise(2, (1, 2, 3, channels))
    pool = AveragePool2d(size=(2, 2), stride=(1, 1), padding=UNPADDED, activation="none")
    b.node("average_pool2d", pool, (1, 1, 2, channels), b.last.quantization)
    b.node("reshape", Reshape(), (1, 2 * channels), b.last.quantization)
    names, q = b.constants((7, 2 * channels), 0, per_channel=False)
    b.node("fully_connected", FullyConnected(activation="none"), (1, 7), q, constants=names)
    return b.graph()


def combining(channels):
    """A residual, a function of single codes, and the maxima of windows."""
    b = Network()
    b.convolution(channels)
    first = b.last
    b.depthwise(1, first.shape)
    largest = max(tensor.quantization.scale[0] for tensor in (first, b.last))
    q, names = per_tensor(1.25 * largest, 11), (b.last.name, first.name)
    b.node("add", Add(activation="none"), first.shape, q, inputs=names)
    b.node("leaky_relu", LeakyRelu(alpha=0.25), first.shape, per_tensor(largest, -9))
    pool = MaxPool2d(size=(2, 3), stride=(1, 2), padding=((0, 0), (1, 1)), activation="none")
    b.node("max_pool2d", pool, (1, 3, 3, channels), b.last.quantization)
    return b.graph()


def assert_exact(config, executor="rtl", samples=1):
    """Every layer on the executor is the reference's, and its counters are the model's."""
    graph = network(config.columns + 3, "int4" if config.format == "int8_int4" else "int8")
    program = accel.compile(graph, config=config)
    modes = {command.mode for command in program.code.commands}
    # With several lines, strides of 2 may be broadcast, too.
    grouped = {"grouped"} if config.broadcast_rows == 1 else modes & {"grouped"}
    assert modes == {"dense"} | grouped | ({"broadcast"} if config.broadcast else set())
    assert_alike(program, graph, executor, samples)


def assert_alike(program, graph, executor="rtl", samples=1):
    inputs = random_inputs(graph, samples + 2, seed=3)[2:]
    stored = set(program.code.stored_tensors())
    layers = tuple(
        name for node in graph for name in node.outputs if program.code.aliases[name].root in stored
    )
    expected = program.session.execute("reference", inputs, layers).tensors
    # A layer that answers always the same would hide faults.
    assert all(len(np.unique(array)) > 5 for array in expected.values())
    execution = assert_layers(program, executor, inputs, expected)
    assert_cycles(program.code, execution.layers)
    program.close()
    return layers


def permitted(rows, columns, requantizers):
    return rows % requantizers == columns % requantizers == 0


CASES = [(*shape, n) for shape in SHAPES for n in REQUANTIZERS]
PERMITTED = [[(*shape, n) for n in REQUANTIZERS if permitted(*shape, n)] for shape in SHAPES]
# The fewest requantizers of a shape, the most of the next: random networks run on more cores.
SIZES = [cases[-(index % 2)] for index, cases in enumerate(PERMITTED)]
# Few combine, for the write-back's tests have them all. Of 6 rows, a depthwise group of 3 channels
# would go well with 4 columns, but results come in pairs.
COMBINING = ((2, 2, 1), (4, 6, 1), (3, 5, 1), (6, 4, 2), (8, 4, 4))
REFUSED = [case for case in CASES if not permitted(*case)]


@pytest.mark.parametrize(
    ("size", "family"),
    list(zip(dict.fromkeys([*SIZES, *COMBINING]), cycle(FAMILIES), strict=False)),
)
def test_every_layer_and_every_cycle_on_each_size(size, family):
    rows, columns, requantizers = size
    config = AcceleratorConfig(
        rows=rows, columns=columns, requantizers=requantizers, family=family, bank_words=4096
    )
    assert_exact(config)
    if size in COMBINING:
        assert_combines(config)


def assert_combines(config):
    """So are sums, functions of single codes and maxima."""
    graph = combining(config.columns + 3)
    program = accel.compile(graph, config=config, fuse=False)
    descriptors = [command.descriptor for command in program.code.commands]
    for name in ("residual", "maximum", "lookup_tables"):
        assert {getattr(descriptor, name) for descriptor in descriptors} == {False, True}
    assert len(assert_alike(program, graph)) == len(graph.nodes)


def test_amaranths_simulator_says_the_same():
    assert_exact(AcceleratorConfig(rows=2, columns=2, bank_words=1024), "pysim")


def test_what_is_fused_combines_sums_of_many_weights():
    graph = combining(7)
    program = accel.compile(graph, config=AcceleratorConfig(bank_words=4096))
    assert any("+" in command.name for command in program.code.commands)
    assert 1 < len(assert_alike(program, graph)) < len(graph.nodes)


@pytest.mark.parametrize("family", FAMILIES)
def test_4_bit_weights_on_a_wide_array(family):
    config = AcceleratorConfig(
        rows=4, columns=8, format="int8_int4", family=family, bank_words=1024
    )
    assert_exact(config)


@pytest.mark.parametrize("format", ["int8", "int8_int4"])
def test_products_made_of_logic_come_when_the_model_says(format):
    assert_exact(
        AcceleratorConfig(
            columns=6, element="booth", family="ice40hx", format=format, bank_words=1024
        )
    )


@pytest.mark.parametrize("family", ["ice40up", "ecp5"])
def test_products_of_both_kinds_come_at_the_same_time(family):
    assert_exact(AcceleratorConfig(element="mixed", dsps=3, family=family, bank_words=1024))


def test_two_products_a_cell_come_when_the_model_says():
    assert_exact(
        AcceleratorConfig(
            rows=2, columns=4, element="packed", family="ecp5", format="int8_int4", bank_words=2048
        )
    )


def test_compiled_rtl_answers_alike_whatever_the_input():
    assert_exact(AcceleratorConfig(rows=3, columns=5, family="ecp5"), samples=20)


@pytest.mark.parametrize(("rows", "columns", "requantizers"), REFUSED)
def test_requantizers_that_divide_no_row_or_column_evenly_are_refused(rows, columns, requantizers):
    message = f"Requantizers must divide rows and columns, not {requantizers} of {rows}x{columns}"
    with pytest.raises(InvalidConfiguration, match=f"^{re.escape(message)}$"):
        AcceleratorConfig(rows=rows, columns=columns, requantizers=requantizers)
