"""A core on the bus of a LiteX SoC answers as the machine does, in Icarus Verilog."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

import accel
from accel.datapath import network
from tests.export.verilog.conftest import SMALL
from tests.support.verilog import ICARUS

FOLDER = Path(__file__).resolve().parents[2] / "examples/litex"
pytestmark = [
    pytest.mark.skipif(not ICARUS, reason="needs Icarus Verilog"),
    pytest.mark.skipif(importlib.util.find_spec("litex") is None, reason="needs litex"),
]


def test_a_core_in_a_litex_soc_answers_like_the_machine(monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)
    from examples.litex import run

    with accel.compile(network(SMALL), config=SMALL) as program:
        shape = program.code.graph.tensor("x").shape[1:]
        samples = np.random.default_rng(1).integers(-128, 128, (1, *shape)).astype(np.int8)
        answers, cycles = run.in_soc(program, samples)
        assert np.array_equal(answers, program.run(samples, executor="machine").output)
        assert cycles == sum(layer.cycles for layer in program.cycles)
