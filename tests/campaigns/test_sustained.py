"""Samples over a line at a third of the clock: the next one arrives while one is computed, and all
takes what the model of the link says."""

import os

import numpy as np
import pytest

import accel
from accel.config import AcceleratorConfig
from accel.host.timing.inference import NO_USB, timing
from accel.protocol import EIGHTHS, SHORTEST_BIT
from tests.support.networks.small import Chain

if os.name != "posix":
    pytest.skip("has no pseudo-terminals", allow_module_level=True)

from tests.campaigns.sustained import measure

CONFIG = AcceleratorConfig(family="ice40up")
ANSWERS = 4000  # cycles for a result, the next request to run, and the core between them
ANSWERS_RTL = 600  # cycles that a core in RTL takes longer to answer than one that only keeps time
MHZ = 36.0

# What compiles the same RTL stays in one process.
pytestmark = pytest.mark.xdist_group("fast_line")


@pytest.mark.parametrize(
    ("size", "layers", "slower"), [(6, 4, "the core"), (16, 1, "the line")], ids=str
)
def test_whichever_of_line_and_core_is_slower_hardly_rests(size, layers, slower):
    chain = Chain((1, size, 8, 4))
    for _ in range(layers):
        chain.convolution(16)
    program = accel.compile(chain.convolution(2).graph(), config=CONFIG)
    inputs = np.random.default_rng(size).integers(-128, 128, (6, size, 8, 4), np.int8)
    found = measure(program, inputs, EIGHTHS * SHORTEST_BIT)
    assert found.retries == 0
    model = timing(
        program.code,
        lambda _: [layer.cycles for layer in program.cycles],
        program.session.driven,
        clock_mhz=MHZ,
        baud=MHZ * 1e6 / SHORTEST_BIT,
        usb=NO_USB,
    )
    assert model.line_bytes == found.line_bytes
    assert model.latency_ms * MHZ * 1e3 == pytest.approx(found.latency, abs=ANSWERS_RTL)
    assert model.period_ms * MHZ * 1e3 == pytest.approx(found.period, abs=ANSWERS_RTL)
    assert (found.core > found.line) == (slower == "the core")
    longer = max(found.core, found.line)
    assert found.period >= longer
    if slower == "the core":
        assert found.period < 1.1 * longer + ANSWERS
    assert found.period < found.latency - min(found.core, found.line) / 2
    program.close()
