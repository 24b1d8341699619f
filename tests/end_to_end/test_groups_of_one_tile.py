"""A group of output channels that has one tile must wait for its own weights.

While the results of the group before the last are still being drained, the half of the weight
buffer that the next group will use still holds the old weights.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import accel
from accel.compiler.operators.fully_connected import FullyConnected
from accel.config import AcceleratorConfig
from accel.session import Session
from tests.support.networks.tflite.operators import TRAINED, Builder, random_inputs
from tests.support.oracles.agreement import assert_cycles
from tests.support.rtl.simulation import UNSHRUNK

CHANNELS = 24


@pytest.mark.parametrize("family", ["generic", "ecp5"])
@pytest.mark.parametrize("depth", [16, 24, 32, 40])
@settings(UNSHRUNK, max_examples=1)
@given(data=st.data())
def test_results_and_cycles_of_a_fully_connected_layer(depth, family, data):
    b = Builder(data.draw, (1, depth), style=TRAINED)
    weights = b.random.integers(-127, 128, (CHANNELS, depth)).astype(np.int8)
    names, q = b.linear(weights, 0, "int8", False)
    b.node("fully_connected", FullyConnected(activation="none"), (1, CHANNELS), q, constants=names)
    graph = b.graph()
    config = AcceleratorConfig(rows=8, columns=4, family=family, bank_words=1024)
    session = Session(accel.compile(graph, config=config).code)
    inputs, wanted = random_inputs(graph, 1), graph.outputs
    expected = session.execute("reference", inputs, wanted).tensors
    execution = session.execute("rtl", inputs, wanted)
    for name in wanted:
        np.testing.assert_array_equal(execution.tensors[name], expected[name])
    assert_cycles(session.program, execution.layers)
    session.close()
