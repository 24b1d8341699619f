"""Programs larger than memory are streamed from flash: the same answers, and the model's cycles."""

import numpy as np
import pytest

import accel
from accel.compiler.graph import interpreter
from accel.config import AcceleratorConfig
from accel.sim.compare import assert_same
from accel.sim.cycles.cycle_model import predict
from accel.sim.rtl.harness import FLASH_OFFSET, Harness
from tests.end_to_end.test_digits import DIGITS
from tests.support.oracles.agreement import assert_cycles

# Of the digits, the largest layers have no room.
SIZES = {
    "4x4, 4 lanes": AcceleratorConfig(bank_words=1024, flash_lanes=4),
    "8x8 of an ECP5, 2 lanes": AcceleratorConfig(
        rows=8, columns=8, family="ecp5", requantizers=2, bank_words=416, flash_lanes=2
    ),
    "2x4, 1 lane": AcceleratorConfig(rows=2, columns=4, bank_words=1920, flash_lanes=1),
}


def assert_rtl(program, inputs, expected):
    """Every layer, and the counters of each layer, in RTL."""
    graph = program.code.graph
    stored = [name for name in graph.tensors if program.code.has(name)]
    execution = program.session.execute("rtl", inputs, (*stored, *graph.outputs))
    assert_same(execution.tensors[graph.outputs[0]], expected)
    assert_same(execution.tensors, interpreter.run(graph, inputs, (*stored, *graph.outputs)))
    assert_cycles(program.code, execution.layers)


@pytest.mark.parametrize("size", SIZES)
def test_digits_larger_than_memory_are_exact_in_rtl_on_cores_of_several_sizes(size):
    program = accel.compile(DIGITS / "digits_int8.tflite", config=SIZES[size])
    inputs = np.load(DIGITS / "test_images.npz")["x"][:5]
    assert program.code.memory.flash_bytes
    assert {chunk.bank for chunk in program.code.chunks} == {0, 1, 2}
    assert any(program.code.transfers)
    assert_rtl(program, inputs, program.run(inputs, "reference").output)
    program.close()


def test_a_run_of_all_layers_takes_the_cycles_of_its_layers():
    program = accel.compile(DIGITS / "digits_int8.tflite", config=SIZES["4x4, 4 lanes"])
    inputs = np.load(DIGITS / "test_images.npz")["x"][:1]
    program.session.execute("rtl", inputs)
    core = program.session.core("driven rtl", lambda: None)
    core.stepped = False
    sample = program.code.inputs[0]
    packed = {sample.tensor: sample.pack(inputs, program.config.rows)[0]}
    core.run_sample(packed, program.code.stored_tensors()[-1:])
    assert core.total.cycles == sum(layer.cycles for layer in predict(program.code))
    program.close()


def test_the_simulated_chip_has_room_for_an_image_at_its_offset():
    harness = Harness(SIZES["4x4, 4 lanes"])
    assert harness.core.flash_offset == FLASH_OFFSET < harness.chip.size
