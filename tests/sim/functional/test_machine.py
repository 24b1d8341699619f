"""The machine runs what lies in memory, and notices where that is not the program."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from accel.compiler.compile import compile_graph
from accel.compiler.frontends import load
from accel.compiler.ir.descriptor import Descriptor
from accel.config import AcceleratorConfig
from accel.host.runner import run
from accel.isa import Isa
from accel.sim.functional.decode import decode_layer
from accel.sim.functional.layer import IllegalProgram
from accel.sim.functional.machine import Machine

DIGITS = Path(__file__).resolve().parents[3] / "examples/digits"
CONFIG = AcceleratorConfig(bank_words=1024, flash_lanes=4)


def test_a_layer_whose_chunk_was_not_copied_does_not_run():
    program = compile_graph(load(DIGITS / "digits_int8.tflite"), CONFIG)
    inputs = np.load(DIGITS / "test_images.npz")["x"][:2]
    run(program, Machine(program), inputs)
    for index, copy in enumerate(program.transfers):
        if copy:
            copies = (*program.transfers[:index], None, *program.transfers[index + 1 :])
            lacking = replace(program, transfers=copies)
            with pytest.raises(IllegalProgram, match=r"the chunk of \w+ is not in memory"):
                run(lacking, Machine(lacking), inputs)


def test_a_tile_of_fewer_steps_than_rows_is_refused():
    """The core's rows take their positions in as many steps."""
    config = AcceleratorConfig(rows=4, columns=8, bank_words=4096)
    isa = Isa(config)
    header = isa.descriptor_words * config.rows
    chunk = compile_graph(load(DIGITS / "digits_int8.tflite"), config).chunks[0].data
    shape = {"inner_taps": 3, "outer_taps": 1, "blocks": 1}
    descriptor = Descriptor.from_bytes(chunk, isa)
    descriptor = replace(descriptor, broadcast=True, stride2_skip=True, **shape)
    short = descriptor.to_bytes(isa) + chunk[header:]
    with pytest.raises(IllegalProgram, match=r"tiles of 3 steps, fewer than the array's 4 rows"):
        decode_layer(short, config)
