"""More columns than a word has bytes, 8x16 with the ECP5's latencies and banks whose words are no power
of two: the four networks of MLPerf Tiny answer as TFLite Micro, cycles as modelled."""

import pytest

import accel
from accel.config import AcceleratorConfig
from tests.agreement import assert_cycles, assert_layers
from tests.oracle import tflm
from tests.shared import shared, stimuli

pytestmark = pytest.mark.xdist_group("ecp5 8x16")

WIDE = AcceleratorConfig(
    rows=8,
    columns=16,
    requantizers=4,
    family="ecp5",
    weight_steps=2048,
    bank_words=36864,
)
NETWORKS = {
    "kws01": "kws01_dscnn_int8",
    "ic01": "ic01_resnet_int8",
    "vww01": "vww01_mobilenet_int8",
    "ad01": "ad01_int8",
}


@pytest.mark.parametrize("name", NETWORKS)
def test_every_layer_in_rtl_equals_the_oracle_and_takes_the_modelled_cycles(name):
    path = shared(f"models/mlperf_tiny/{NETWORKS[name]}.tflite")
    inputs = stimuli(name)[:1]
    program = accel.compile(path, config=WIDE)
    expected = tflm(path.read_bytes(), inputs, all_tensors=True)
    execution = assert_layers(program, "rtl", inputs, expected)
    assert_cycles(program.code, execution.layers)
    program.close()
