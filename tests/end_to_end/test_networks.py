"""Networks that others made, compiled: the machine and RTL answer as TFLite Micro does."""

import numpy as np
import pytest

import accel
from accel.compiler.graph import interpreter
from accel.config import AcceleratorConfig
from accel.sim.compare import assert_same
from tests.support.networks.third_party_tflite import LIVE, RECORDED, recorded
from tests.support.oracles.agreement import assert_cycles
from tests.support.oracles.tflm import tflm
from tests.support.shared import shared

# Room for all of them, and for the widest sums.
LARGE = AcceleratorConfig(bank_words=1 << 17, weight_steps=8192, sum_bits=32)
SAMPLES = 25
# Of these the smallest board's memory holds all; others are streamed from its flash.
WHOLE = (
    "mlperf_tiny/kws01_dscnn_int8",
    "mlperf_tiny/sww01_int8",
    "cfu/magic_wand",
    "tflm/hello_world_int8",
    "tflm/micro_speech_quantized",
    "tinymaix/cifar10_q",
    "tinymaix/mnist_arduino_q",
    "tinymaix/mnist_rect_q",
    "tinymaix/mnist_valid_q",
)

# Whose images need a larger flash chip than others, and so a simulator of its own; 71 layers take
# long to read (`tests.campaigns.tflite_agreement` runs all, with three samples).
LARGER_FLASH = ("tinymaix/mbnet96_0.25_q",)
ONE_SAMPLE = ("tinyengine/vww",)


def answers(model: str, samples: int) -> tuple[np.ndarray, np.ndarray]:
    """Inputs of a model, and what TFLite Micro answers."""
    if model in RECORDED:
        return recorded(model, samples)
    inputs = LIVE[model]()[:samples]
    return inputs, tflm(shared(f"models/{model}.tflite").read_bytes(), inputs)


@pytest.mark.parametrize("fuse", [True, False], ids=["fused", "unfused"])
@pytest.mark.parametrize("model", [*RECORDED, *LIVE])
def test_the_machine_answers_as_the_oracle(model, fuse):
    program = accel.compile(shared(f"models/{model}.tflite"), config=LARGE, fuse=fuse)
    inputs, expected = answers(model, SAMPLES)
    assert_same(program.run(inputs, "machine").output, expected)


@pytest.mark.xdist_group("icebreaker")
@pytest.mark.parametrize("model", [m for m in (*RECORDED, *LIVE) if m not in LARGER_FLASH])
def test_rtl_of_the_smallest_board_answers_as_the_oracle_layer_by_layer(model):
    program = accel.compile(shared(f"models/{model}.tflite"), board="icebreaker")
    assert bool(program.code.flash) == (model not in WHOLE)
    inputs, expected = answers(model, 1 if model in ONE_SAMPLE else 3)
    graph = program.code.graph
    stored = [name for name in graph.tensors if program.code.has(name)]
    execution = program.session.execute("rtl", inputs, (*stored, *graph.outputs))
    assert_same(execution.tensors[graph.outputs[0]], expected)
    assert_same(execution.tensors, interpreter.run(graph, inputs, (*stored, *graph.outputs)))
    assert_cycles(program.code, execution.layers)
    program.close()
