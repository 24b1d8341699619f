"""The wake words that people use, step by step: the networks that `pymicro-wakeword` brings.

Successive inferences on random features, all layers, as TFLite Micro's interpreter has them.
"""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

import accel
from tests.support.oracles.agreement import assert_cycles, assert_layers
from tests.support.oracles.tflm import tflm

STEPS, IN_RTL = 200, 20
_PACKAGE = find_spec("pymicro_wakeword")
_FOLDER = Path(*_PACKAGE.submodule_search_locations) / "models" if _PACKAGE else Path("missing")
NETWORKS = ("alexa", "hey_jarvis", "hey_mycroft", "okay_nabu")

pytestmark = pytest.mark.skipif(_PACKAGE is None, reason="needs the package pymicro-wakeword")


@pytest.mark.xdist_group("icebreaker")
@pytest.mark.parametrize("name", NETWORKS)
def test_every_layer_of_successive_steps_is_the_oracles_and_no_state_crosses_the_line(name):
    path = _FOLDER / f"{name}.tflite"
    with accel.compile(path, board="icebreaker") as program:
        (port,) = program.inputs
        random = np.random.default_rng(7)
        x = random.integers(-128, 128, (STEPS, *port.shape)).astype(np.int8)
        expected = tflm(path.read_bytes(), x, all_tensors=True)
        assert_layers(program, "machine", x, expected)
        few = {tensor: array[:IN_RTL] for tensor, array in expected.items()}
        execution = assert_layers(program, "rtl", x[:IN_RTL], few)
        assert_cycles(program.code, execution.layers)
        report = program.report()
        assert report.state_bytes > 0
        assert report.state_line_bytes == 0
