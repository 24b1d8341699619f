"""The machine runs what lies in memory, and notices where that is not the program."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from accel.compiler.frontends import load
from accel.compiler.pipeline import compile_graph
from accel.config import AcceleratorConfig
from accel.host.runner import run
from accel.sim.layer import IllegalProgram
from accel.sim.machine import Machine

DIGITS = Path(__file__).resolve().parents[2] / "examples/digits"
CONFIG = AcceleratorConfig(bank_words=1024, flash_lanes=4)


def test_a_layer_whose_chunk_was_not_copied_does_not_run():
    program = compile_graph(load(DIGITS / "digits_int8.tflite"), CONFIG)
    inputs = np.load(DIGITS / "test_images.npz")["x"][:2]
    run(program, Machine(program), inputs)
    for index, copy in enumerate(program.copies):
        if copy:
            copies = (*program.copies[:index], None, *program.copies[index + 1 :])
            lacking = replace(program, copies=copies)
            with pytest.raises(IllegalProgram, match=r"the chunk of \w+ is not in memory"):
                run(lacking, Machine(lacking), inputs)
