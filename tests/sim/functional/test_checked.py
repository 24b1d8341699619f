"""What a program from a file may not ask for is an answer."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import accel
from accel.compiler.ir.descriptor import Descriptor
from accel.isa import Isa
from accel.sim.functional.checked import BadProgram, CheckedMachine

MODEL = Path(__file__).resolve().parents[3] / "examples/digits/digits_int8.tflite"


@pytest.fixture(scope="module")
def code():
    return accel.compile(MODEL, board="icebreaker").code


def changed(code, **fields):
    """The program with other fields in its first layer's descriptor."""
    first, *others = code.chunks
    isa = Isa(code.config)
    descriptor = replace(Descriptor.from_bytes(first.data, isa), **fields).to_bytes(isa)
    data = descriptor + first.data[len(descriptor) :]
    return replace(code, chunks=(replace(first, data=data), *others))


def run(code):
    x = np.zeros((1, 8, 8, 1), np.int8)
    packed = {one.tensor: one.pack(x, code.config.rows) for one in code.inputs}
    return CheckedMachine(code).run(packed, code.stored_tensors())


def test_a_program_that_is_whole_runs(code):
    assert set(run(code)) == set(code.stored_tensors())


@pytest.mark.parametrize(
    "fields",
    [
        {"output_base": 16383},
        {"weight_words": 60_000},
        {"run": 4096, "runs": 4096, "inner_taps": 200},
        {"blocks": 1, "inner_taps": 1, "outer_taps": 1, "broadcast": True},
    ],
    ids=str,
)
def test_a_layer_that_no_core_computes_is_refused(code, fields):
    with pytest.raises(BadProgram, match=r"^digits_int8: its chunks ask for something that no"):
        run(changed(code, **fields))


def test_a_division_by_nothing_is_refused(code):
    first, *others = code.chunks
    zeros = bytes(first.data[:96]) + bytes([255]) * (first.size - 96)
    with pytest.raises(BadProgram):
        run(replace(code, chunks=(replace(first, data=zeros), *others)))
