"""The ULX3S's core, 8x8 with the ECP5's latencies: bit-exact to TFLite Micro, cycles as
modelled."""

from pathlib import Path

import numpy as np
import pytest

import accel
from tests.support.oracles.agreement import assert_cycles, assert_layers
from tests.support.oracles.tflm import tflm
from tests.support.shared import shared, stimuli

pytestmark = pytest.mark.xdist_group("ulx3s_85f")

DIGITS = Path(__file__).resolve().parents[2] / "examples/digits"
KWS = "models/mlperf_tiny/kws01_dscnn_int8.tflite"


def digits():
    return DIGITS / "digits_int8.tflite", np.load(DIGITS / "test_images.npz")["x"][:20]


def kws():
    return shared(KWS), stimuli("kws01")[:3]


@pytest.mark.parametrize("network", [digits, kws])
def test_every_layer_in_rtl_equals_the_oracle_and_takes_the_modelled_cycles(network):
    path, inputs = network()
    program = accel.compile(path, board="ulx3s_85f")
    expected = tflm(path.read_bytes(), inputs, all_tensors=True)
    execution = assert_layers(program, "rtl", inputs, expected)
    assert_cycles(program.code, execution.layers)
    program.close()
