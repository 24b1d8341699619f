"""Networks as they are built of these operators: on the machine and in RTL as TFLite Micro has
them."""

from dataclasses import replace

import numpy as np
import pytest

from accel.api import Program
from accel.compiler.compile import compile_graph
from accel.compiler.frontends.tflite.reader import read
from accel.compiler.operators.add import Add
from accel.compiler.operators.arg_max import ArgMax
from accel.compiler.operators.concatenation import Concatenation
from accel.compiler.operators.conv2d import Conv2d
from accel.compiler.operators.depthwise_conv2d import DepthwiseConv2d
from accel.compiler.operators.hard_swish import HardSwish
from accel.compiler.operators.logistic import Logistic
from accel.compiler.operators.mean import ReduceMean
from accel.compiler.operators.mul import Mul
from accel.compiler.operators.pack import Pack
from accel.compiler.operators.prelu import Prelu
from accel.compiler.operators.reshape import Reshape
from accel.compiler.operators.resize_nearest import ResizeNearest
from accel.compiler.operators.slice import Slice
from accel.compiler.operators.sub import Sub
from accel.compiler.operators.transpose_conv2d import TransposeConv2d
from accel.compiler.tflite_export.writer import write
from accel.config import AcceleratorConfig
from tests.support.networks.small import SUMS, Chain
from tests.support.networks.tflite.operators import per_tensor, random_inputs
from tests.support.oracles.agreement import assert_cycles, assert_layers
from tests.support.oracles.tflm import tflm

RTL = AcceleratorConfig(bank_words=4096)
SIGMOID = per_tensor(1 / 256, -128)

pytestmark = pytest.mark.xdist_group("generic 4x4")


def spelled(chain, source):
    chain.nodes[-1] = replace(chain.nodes[-1], source=source)
    return chain


def linear(chain, operator, attributes, weights, shape, channels):
    return chain.add(
        operator, attributes, shape, constants=chain._weights(weights, channels), q=SUMS
    )


def index(chain):
    """The class of each position."""
    shape, axis = chain.last.shape[:-1], len(chain.last.shape) - 1
    chain.add("arg_max", ArgMax(axis=axis), shape, "int32")
    chain.tensors[chain.last.name] = replace(chain.last, quantization=None)
    return spelled(chain, "ARG_MAX").graph()


def squeeze_and_excite():
    """A residual block whose channels are weighed by a branch of the mean."""
    chain = Chain((1, 6, 5, 6)).convolution(8)
    block = chain.last
    chain.add("mean", ReduceMean(axes=(1, 2), keep=False), (1, 8), q=SUMS)
    chain.fully_connected(3).fully_connected(8)
    chain.add("logistic", Logistic(), q=SIGMOID)
    chain.add("reshape", Reshape(), (1, 1, 1, 8), q=SIGMOID)
    gate, chain.last = chain.last, block
    chain.add("mul", Mul(), constants=(gate.name,), q=SUMS)
    chain.add("add", Add(activation="relu"), constants=(block.name,), q=per_tensor(5.0, -128))
    chain.add("hard_swish", HardSwish(), q=per_tensor(5.0, -100))
    chain.add("mean", ReduceMean(axes=(1, 2)), (1, 8), q=SUMS)
    return index(chain.fully_connected(5))


def in_time():
    """Convolutions along one dimension, as Keras spells them, dilated and of more channels a
    channel."""
    chain = Chain((1, 20, 3))
    for dilation, depth in ((1, 6), (2, 6)):
        length, channels = chain.last.shape[1:]
        q = chain.last.quantization
        spelled(chain.add("reshape", Reshape(), (1, 1, length, channels), q=q), "EXPAND_DIMS")
        conv = Conv2d(dilation=(1, dilation), activation="relu")
        shape = (1, 1, length - 2 * dilation, depth)
        linear(chain, "conv2d", conv, (depth, 1, 3, channels), shape, depth)
        spelled(chain.add("reshape", Reshape(), (1, *shape[2:]), q=SUMS), "SQUEEZE")
    length, channels = chain.last.shape[1:]
    spelled(chain.add("reshape", Reshape(), (1, 1, length, channels), q=SUMS), "EXPAND_DIMS")
    conv, shape = DepthwiseConv2d(multiplier=2, dilation=(1, 2)), (1, 1, length - 4, 2 * channels)
    linear(chain, "depthwise_conv2d", conv, (1, 1, 3, shape[3]), shape, shape[3])
    spelled(chain.add("reshape", Reshape(), (1, *shape[2:]), q=SUMS), "SQUEEZE")
    slopes = chain._weights((shape[3],), 1)[0]
    chain.tensors[slopes] = replace(chain.tensors[slopes], quantization=per_tensor(1 / 64, 0))
    chain.add("prelu", Prelu(), constants=(slopes,), q=SUMS)
    chain.add("mean", ReduceMean(axes=(1,)), (1, shape[3]), q=SUMS)
    return index(chain.fully_connected(4))


def down_and_up():
    """An image's classes, from it and a smaller one that is made larger again in two ways."""
    chain = Chain((1, 8, 8, 2)).convolution(4)
    wide = chain.last
    down = Conv2d(stride=(2, 2))
    linear(chain, "conv2d", down, (6, 2, 2, 4), (1, 4, 4, 6), 6)
    small = chain.last
    up = TransposeConv2d(stride=(2, 2))
    linear(chain, "transpose_conv2d", up, (3, 2, 2, 6), (1, 8, 8, 3), 3)
    learned, chain.last = chain.last, small
    chain.add("resize_nearest", ResizeNearest(), (1, 8, 8, 6), q=SUMS)
    names = (wide.name, learned.name)
    chain.add("concatenation", Concatenation(axis=3), (1, 8, 8, 13), constants=names, q=SUMS)
    return index(chain.convolution(5))


def unrolled():
    """Two steps of a recurrent cell, and both states."""
    chain = Chain((1, 2, 6)).fully_connected(6, rows=True)
    steps, state, states = chain.last, None, []
    for step in (0, 1):
        chain.last = steps
        cut = Slice(starts=(0, step, 0), sizes=(1, 1, 6), steps=(1, 1, 1))
        spelled(chain.add("slice", cut, (1, 6), q=SUMS), "STRIDED_SLICE")
        part = chain.fully_connected(6).last
        chain.add("logistic", Logistic(), q=SIGMOID)
        constants = (part.name,)
        chain.add("mul", Mul(), constants=constants, q=per_tensor(1.5, -4))
        if state is not None:
            chain.add("sub", Sub(), constants=(state.name,), q=per_tensor(1.5, -4))
        state = chain.last
        states.append(state.name)
    chain.add("pack", Pack(axis=1), (1, 2, 6), constants=(), q=per_tensor(1.5, -4))
    chain.nodes[-1] = replace(chain.nodes[-1], inputs=tuple(states))
    return chain.fully_connected(3, rows=True).graph()


NETWORKS = {made.__name__: made() for made in (squeeze_and_excite, in_time, down_and_up, unrolled)}


@pytest.mark.parametrize("name", NETWORKS)
def test_every_layer_equals_the_oracle(name):
    file = write(NETWORKS[name])
    graph = read(file, f"{name}.tflite")
    inputs = random_inputs(graph, 8, seed=5)
    expected = tflm(file, inputs, all_tensors=True)
    lively = (len(np.unique(answers)) > 1 for answers in expected.values() if answers.ndim > 1)
    assert all(lively)
    program = Program(compile_graph(graph, RTL))
    assert not program.code.partition.after
    assert_layers(program, "machine", inputs, expected)
    rtl = inputs[2:4]
    some = {tensor: answers[2:4] for tensor, answers in expected.items()}
    execution = assert_layers(program, "rtl", rtl, some)
    assert_cycles(program.code, execution.layers)
    program.close()
