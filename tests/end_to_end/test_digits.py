"""Our own digits networks, of int8 and of int4 weights: bit-exact to TFLite Micro everywhere."""

from pathlib import Path

import numpy as np
import pytest

import accel
from accel.compiler.ir.stream import stored_weights
from accel.isa import Isa
from tests.support.oracles.agreement import assert_cycles, assert_layers
from tests.support.oracles.tflm import tflm

DIGITS = Path(__file__).resolve().parents[2] / "examples/digits"
FORMATS = {"int8": "int8", "int4": "int8_int4"}  # of the core, by the type of the weights
EXECUTORS = {"reference": None, "machine": None, "rtl": 50}  # samples, None for all


@pytest.fixture(scope="module")
def inputs():
    return np.load(DIGITS / "test_images.npz")["x"]


@pytest.fixture(scope="module")
def program_of():
    programs = {}

    def compiled(dtype):
        if dtype not in programs:
            config = accel.configuration("icebreaker", format=FORMATS[dtype])
            programs[dtype] = accel.compile(DIGITS / f"digits_{dtype}.tflite", config=config)
        return programs[dtype]

    yield compiled
    for program in programs.values():
        program.close()


@pytest.fixture(scope="module")
def live(inputs):
    answers = {}

    def of(dtype):
        if dtype not in answers:
            model = (DIGITS / f"digits_{dtype}.tflite").read_bytes()
            answers[dtype] = tflm(model, inputs, all_tensors=True)
        return answers[dtype]

    return of


def cases():
    for dtype in FORMATS:
        for executor, samples in EXECUTORS.items():
            # What compiles the same RTL stays in one process.
            group = {"int8": "icebreaker", "int4": "icebreaker int4"}[dtype]
            mark = [pytest.mark.xdist_group(group)] if executor == "rtl" else []
            yield pytest.param(dtype, executor, samples, marks=mark, id=f"{dtype}-{executor}")


@pytest.mark.parametrize(("dtype", "executor", "samples"), list(cases()))
def test_every_layer_equals_the_oracle(program_of, inputs, live, dtype, executor, samples):
    program, few = program_of(dtype), slice(samples)
    expected = {name: array[few] for name, array in live(dtype).items()}
    execution = assert_layers(program, executor, inputs[few], expected)
    assert set(execution.tensors) == set(expected)
    assert {len(array) for array in execution.tensors.values()} == {samples or 360}
    if executor == "rtl":
        assert_cycles(program.code, execution.layers)
    else:
        assert execution.layers is None


@pytest.mark.parametrize("dtype", FORMATS)
def test_weights_are_packed_at_their_width(program_of, dtype):
    code = program_of(dtype).code
    config, isa = code.config, Isa(code.config)
    bits = {"int8": 8, "int4": 4}[dtype]
    assert len(code.chunks) == 9
    for command, chunk in zip(code.commands, code.chunks, strict=True):
        groups, steps, columns = stored_weights(command.weights, command.descriptor, config).shape
        assert columns == config.columns == 4
        records = command.descriptor.parameter_words(isa)
        per_word = config.word_bits // (bits * columns)  # steps
        weights = -(-steps // per_word)
        words = isa.descriptor_words + groups * (records + weights)
        assert len(chunk.data) == words * config.rows


def test_int4_weights_take_half_the_memory(program_of):
    def weight_bytes(code):
        isa = Isa(code.config)
        overhead = sum(
            isa.descriptor_words + len(c.channels) * c.descriptor.parameter_words(isa)
            for c in code.commands
        )
        return code.size_bytes - overhead * code.config.rows

    wide, sub_byte = weight_bytes(program_of("int8").code), weight_bytes(program_of("int4").code)
    code = program_of("int4").code
    stored = [stored_weights(c.weights, c.descriptor, code.config).shape for c in code.commands]
    odd = sum(groups * (steps % 2) for groups, steps, _ in stored)
    assert 2 * sub_byte == wide + odd * 4  # an odd step leaves half of a word empty
    assert sub_byte < 0.52 * wide
