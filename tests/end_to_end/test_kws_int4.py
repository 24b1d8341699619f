"""Keyword spotting with weights of 4 bits: half the weights' bytes, two products to a DSP cell."""

import numpy as np
import pytest

import accel
from accel import boards
from accel.compiler.frontends import load
from accel.compiler.ir.stream import pack_weights
from accel.target import resources
from tests.support.networks.int4_weights import with_int4_weights
from tests.support.shared import shared, stimuli

MODEL = "models/mlperf_tiny/kws01_dscnn_int8.tflite"
SAMPLES = 20


def weight_bytes(program):
    """Of all groups of all layers, as they lie in memory."""
    commands = program.code.commands
    return sum(len(group) for c in commands for group in pack_weights(c.weights, program.config))


@pytest.fixture(scope="module")
def graph():
    return load(shared(MODEL))


def test_weights_of_4_bits_take_half_the_bytes_and_two_products_a_cell(graph):
    shape = {"rows": 4, "columns": 8, "dsps": 0}
    whole = accel.configuration("ulx3s_25f", **shape, element="multiplier")
    whole = accel.compile(graph, config=whole)
    config = accel.configuration("ulx3s_25f", **shape, format="int8_int4", element="packed")
    half = accel.compile(with_int4_weights(graph), config=config)
    assert 2 * weight_bytes(half) == weight_bytes(whole)
    assert config.peak_macs == 2 * resources.needs(config)["DSP"]
    resources.check_fits(config, boards.get("ulx3s_25f"))
    x = stimuli("kws01")[:SAMPLES]
    outputs = [half.run(x, executor).output for executor in ("machine", "reference")]
    np.testing.assert_array_equal(*outputs)
    assert len(np.unique(outputs[0].argmax(axis=1))) > 3
