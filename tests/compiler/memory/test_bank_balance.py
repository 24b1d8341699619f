"""A copy to the other bank lets the layers after it stream beside their reads, if that is
quicker."""

import numpy as np

import accel
from accel.compiler.memory import bank_balance
from accel.compiler.operators.conv2d import Conv2d
from accel.compiler.operators.depthwise_conv2d import DepthwiseConv2d
from accel.config import AcceleratorConfig
from accel.sim.cycles.cycle_model import predict
from tests.core.test_sizes import SAME, UNPADDED, Network
from tests.support.networks.tflite.operators import random_inputs

CHANNELS, SHAPE = 64, (1, 5, 5, 64)
CONFIG = AcceleratorConfig(bank_words=8192)


def alternating(pairs):
    """Large layers that all read the same bank, small ones that read the other one."""
    b = Network()
    b.convolution(CHANNELS)
    for _ in range(pairs):
        height, width = b.last.shape[1:3]
        names, q = b.constants((1, 3, 3, CHANNELS), 3)
        depthwise = DepthwiseConv2d(
            stride=(1, 1), padding=SAME, dilation=(1, 1), multiplier=1, activation="none"
        )
        shape = (1, height, width, CHANNELS)
        b.node("depthwise_conv2d", depthwise, shape, q, constants=names)
        names, q = b.constants((CHANNELS, 1, 1, CHANNELS), 0)
        conv = Conv2d(stride=(1, 1), padding=UNPADDED, dilation=(1, 1), activation="relu")
        b.node("conv2d", conv, shape, q, constants=names)
    return b.graph()


def compiled(graph):
    program = accel.compile(graph, config=CONFIG)
    cycles = sum(layer.cycles for layer in predict(program.code))
    transfers = [c.name for c in program.code.commands if c.name.endswith("_input")]
    return program, cycles, transfers


def test_layers_after_a_copy_stream_from_the_bank_that_they_write(monkeypatch):
    graph = alternating(7)
    program, cycles, transfers = compiled(graph)
    assert len(transfers) == 1
    x = random_inputs(graph, 4, seed=3)
    answer, expected = (program.run(x, executor).outputs for executor in ("machine", "reference"))
    np.testing.assert_array_equal(*(next(iter(y.values())) for y in (answer, expected)))
    program.close()
    monkeypatch.setattr(bank_balance, "_LEAST_LOST", 1 << 30)
    plain, before, none = compiled(graph)
    assert none == []
    assert cycles < before
    plain.close()


def test_where_every_chunk_has_room_nothing_is_copied():
    program, _, transfers = compiled(alternating(3))
    assert transfers == []
    program.close()
