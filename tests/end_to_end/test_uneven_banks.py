"""Words that hold two parts of a record, and banks whose words are no power of two, with the ECP5's
latencies: KWS answers as TFLite Micro, cycles as modelled."""

import accel
from accel.config import AcceleratorConfig
from tests.support.oracles.agreement import assert_cycles, assert_layers
from tests.support.oracles.tflm import tflm
from tests.support.shared import shared, stimuli

CONFIG = AcceleratorConfig(
    rows=8, columns=2, requantizers=2, family="ecp5", weight_steps=2048, bank_words=20000
)


def test_every_layer_in_rtl_equals_the_oracle_and_takes_the_modelled_cycles():
    path, inputs = shared("models/mlperf_tiny/kws01_dscnn_int8.tflite"), stimuli("kws01")[:1]
    program = accel.compile(path, config=CONFIG)
    expected = tflm(path.read_bytes(), inputs, all_tensors=True)
    execution = assert_layers(program, "rtl", inputs, expected)
    assert_cycles(program.code, execution.layers)
    program.close()
